"""Both signatures are the published ones, and every receiver's library believes them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from flux_webhooks import verify
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from flux_dispatch.domain.signing import SECRET_BYTES, encode_secret, sign_flux, sign_standard
from tests.support.tree import read

# what every SDK's verification is held to as well
SIGNED = [pytest.param(case, id=case["name"]) for case in json.loads(read("sdks/vectors.json"))["signed"]]

# the vector that the Standard Webhooks libraries publish, and the same for our own header
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
THEN = 1614265330
BODY = b'{"test": 2432232314}'
HEADER = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
STANDARD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = encode_secret(b"another secret, 24 bytes")

secrets = st.binary(min_size=SECRET_BYTES, max_size=64).map(encode_secret)


def test_the_published_vector_of_both_headers() -> None:
    assert sign_flux([SECRET], THEN, BODY) == HEADER
    assert sign_standard([SECRET], EVENT_ID, THEN, BODY) == STANDARD


@pytest.mark.parametrize("case", SIGNED)
def test_the_vectors_of_both_headers(case: dict[str, Any]) -> None:
    body = case["body"].encode()
    assert sign_flux(case["secrets"], case["timestamp"], body) == case["flux_signature"]
    assert sign_standard(case["secrets"], case["id"], case["timestamp"], body) == case["webhook_signature"]


def test_the_published_vector_is_one_of_the_vectors() -> None:
    published = {
        "secrets": [SECRET],
        "id": EVENT_ID,
        "timestamp": THEN,
        "body": BODY.decode(),
        "flux_signature": HEADER,
        "webhook_signature": STANDARD,
    }
    assert published in [{name: each for name, each in case.values[0].items() if name != "name"} for case in SIGNED]


def test_a_secret_needs_no_padding() -> None:
    secret = encode_secret(bytes(range(SECRET_BYTES)))
    assert secret == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


def test_old_and_new_secret_both_pass_while_both_sign() -> None:
    header = sign_flux([OTHER, SECRET], THEN, BODY)
    assert header.startswith(f"t={THEN},v1=")
    assert verify(BODY, header, SECRET, now=THEN) == verify(BODY, header, OTHER, now=THEN)
    for secret in (SECRET, OTHER):
        assert stripe.WebhookSignature.verify_header(BODY.decode(), header, secret)


@given(st.lists(secrets, min_size=1, max_size=3), st.integers(0, 10**12 - 1), st.dictionaries(st.text(), st.text()))
def test_what_is_signed_is_verified_by_any_of_its_secrets(signers: list[str], at: int, data: dict[str, str]) -> None:
    body = json.dumps(data).encode()
    header = sign_flux(signers, at, body)
    assert all(verify(body, header, each, now=at) == data for each in signers)


@given(secrets, st.binary(min_size=1), st.integers(1, 10**10))
def test_the_standard_header_is_what_its_own_library_makes(secret: str, body: bytes, at: int) -> None:
    text = base64.b64encode(body).decode()
    digest = Webhook(secret).sign(EVENT_ID, datetime.fromtimestamp(at, UTC), text)
    assert sign_standard([secret], EVENT_ID, at, text.encode()) == digest
