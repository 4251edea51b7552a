"""Whoever makes a listen session may bring the secret that signs, so that a local server is set up once."""

import pytest

from tests.support.api import Caller, check_error

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def test_a_session_has_the_secret_that_came_with_it(tenant: Caller) -> None:
    made = await tenant.http.post("/v1/listen", json={"secret": SECRET})
    assert made.status_code == 201, made.text
    assert made.json()["secret"] == SECRET
    revealed = await tenant.http.get(f"/v1/webhooks/{made.json()['webhook']}/secret")
    assert revealed.json()["secret"] == SECRET


async def test_without_one_each_has_a_secret_of_its_own(tenant: Caller) -> None:
    made = [(await tenant.http.post("/v1/listen", json=body)).json()["secret"] for body in ({}, {"secret": None})]
    assert len({*made, SECRET}) == 3


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_short",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\n",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ],
)
async def test_what_is_no_secret_is_refused(tenant: Caller, secret: str) -> None:
    refused = await tenant.http.post("/v1/listen", json={"secret": secret})
    error = check_error(refused, 422, "invalid_value", "secret")
    assert error["message"] == "A secret is whsec_ and then 24 random bytes in standard base64."
    assert (await tenant.http.get("/v1/listen")).json()["data"] == []
