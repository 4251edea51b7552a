"""Listen sessions over HTTP: made with their webhooks, listed, and ended."""

import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.api import Caller, api_client, check_error, running_api


async def test_a_session_comes_with_all_that_a_command_needs(api: str, tenant: Caller) -> None:
    answer = await tenant.http.post("/v1/listen", json={"events": ["order.*"], "forward_to": "localhost:3000"})
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/v1/listen/{made['id']}"
    secret, socket_url = made.pop("secret"), made.pop("socket_url")
    assert re.fullmatch(r"lsn_[0-9a-f]{32}", made["id"])
    assert re.fullmatch(re.escape(api) + r"/in/lst_[\w-]{43}", made["url"])
    assert secret.startswith("whsec_")
    assert socket_url == f"ws{api.removeprefix('http')}/v1/listen/{made['id']}/socket"
    assert made | {"created": "", "last_seen": "", "url": "", "id": "", "webhook": ""} == {
        "id": "",
        "object": "listen_session",
        "url": "",
        "events": ["order.*"],
        "forward_to": "localhost:3000",
        "webhook": "",
        "status": "disconnected",
        "created": "",
        "last_seen": "",
        "ended": None,
        "ended_reason": None,
    }
    assert (await tenant.http.get(f"/v1/listen/{made['id']}")).json() == made
    assert (await tenant.http.get("/v1/listen")).json()["data"] == [made]
    webhook = (await tenant.http.get(f"/v1/webhooks/{made['webhook']}")).json()
    assert (webhook["url"], webhook["is_listen"], webhook["events"]) == (made["url"], True, ["order.*"])
    assert (await tenant.http.get("/v1/webhooks")).json()["data"] == []
    assert (await tenant.http.get(f"/v1/webhooks/{made['webhook']}/secret")).json()["secret"] == secret

    assert (await tenant.http.delete(f"/v1/listen/{made['id']}")).status_code == 204
    assert (await tenant.http.delete(f"/v1/listen/{made['id']}")).status_code == 204, "it is over already"
    ended = (await tenant.http.get(f"/v1/listen/{made['id']}")).json()
    assert (ended["status"], ended["ended_reason"]) == ("ended", "deleted")
    assert ended["ended"] is not None
    assert (await tenant.http.get("/v1/listen")).json()["data"] == []


async def test_all_may_be_left_out(tenant: Caller) -> None:
    for answer in (await tenant.http.post("/v1/listen", json={}), await tenant.http.post("/v1/listen")):
        made = answer.json()
        assert (made["events"], made["forward_to"]) == (["*"], None)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"events": []}, 422, "invalid_value", "events"),
        ({"events": ["a..b"]}, 422, "invalid_event_type", "events[0]"),
        ({"events": "*"}, 400, "wrong_type", "events"),
        ({"forward_to": ""}, 422, "invalid_value", "forward_to"),
        ({"forward_to": "x" * 501}, 422, "invalid_value", "forward_to"),
        ({"forward_to": "\0"}, 422, "invalid_value", "forward_to"),
        ({"forward_to": 3000}, 400, "wrong_type", "forward_to"),
        ({"url": "https://example.com"}, 422, "unknown_field", "url"),
    ],
)
async def test_what_is_wrong_is_said(
    tenant: Caller, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    check_error(await tenant.http.post("/v1/listen", json=body), status, code, param)
    assert (await tenant.http.get("/v1/listen")).json()["data"] == []


async def test_an_account_has_so_many_at_a_time(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    async with (
        running_api(database_url, redis_url, listen_sessions_per_account="2") as api,
        api_client(api, database) as caller,
        api_client(api, database) as other,
    ):
        made = [(await caller.http.post("/v1/listen", json={})).json() for _ in range(2)]
        error = check_error(await caller.http.post("/v1/listen", json={}), 409, "too_many_listen_sessions")
        assert "FLUX_LISTEN_SESSIONS_PER_ACCOUNT" in error["message"]
        assert (await other.http.post("/v1/listen", json={})).status_code == 201
        await caller.http.delete(f"/v1/listen/{made[0]['id']}")
        assert (await caller.http.post("/v1/listen", json={})).status_code == 201


async def test_its_webhook_changes_and_ends_with_it_only(tenant: Caller) -> None:
    webhook = f"/v1/webhooks/{(await tenant.http.post('/v1/listen', json={})).json()['webhook']}"
    for method, path, body in (
        ("PATCH", webhook, {"description": "mine"}),
        ("PATCH", webhook, {"status": "disabled"}),
        ("DELETE", webhook, None),
        ("POST", f"{webhook}/secret/rotate", {}),
    ):
        check_error(await tenant.http.request(method, path, json=body), 409, "webhook_of_listen_session")


async def test_a_host_that_no_url_can_have_is_said(tenant: Caller) -> None:
    answer = await tenant.http.post("/v1/listen", json={}, headers={"Host": "me@flux.example.com"})
    check_error(answer, 422, "invalid_value", "Host")
    made = await tenant.http.post("/v1/listen", json={}, headers={"Host": "Flux.Example.com"})
    assert made.json()["url"].startswith("http://flux.example.com/in/lst_")
