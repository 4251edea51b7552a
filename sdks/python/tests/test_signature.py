"""verify() believes what was signed with the secret just now, and nothing else, whatever a framework hands over."""

from __future__ import annotations

import hmac
import json
import pickle
from array import array
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from flux_webhooks import SignatureError, verify
from flux_webhooks.errors import Code
from flux_webhooks.signature import MAX_HEADER_LENGTH, MAX_SIGNATURES, TOLERANCE_SECONDS

PYTHON_SDK = Path(__file__).parents[1]
VECTORS = json.loads((PYTHON_SDK.parent / "vectors.json").read_text(encoding="utf-8"))

# the vector that the Standard Webhooks libraries publish
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
THEN = 1614265330
BODY = b'{"test": 2432232314}'
HEADER = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
EVENT = {"test": 2432232314}
DIGEST = HEADER.partition("v1=")[2]


def encode_secret(random: bytes) -> str:
    return "whsec_" + b64encode(random).decode()


def sign(secrets: list[str], timestamp: int, body: bytes) -> str:
    digests = [hmac.new(each.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest() for each in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={each}" for each in digests)])


OTHER = encode_secret(b"another secret, 24 bytes")


def code_of(header: Any = HEADER, *, now: float = THEN, secret: Any = SECRET, body: bytes | str = BODY) -> str:
    with pytest.raises(SignatureError) as refused:
        verify(body, header, secret, now=now)
    return refused.value.code


def by_name(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in VECTORS[kind]]


@pytest.mark.parametrize("case", by_name("signed"))
def test_what_is_signed_passes_with_any_of_its_secrets(case: dict[str, Any]) -> None:
    for secret in case["secrets"]:
        event = verify(case["body"], case["flux_signature"], secret, now=case["timestamp"])
        assert event == verify(case["body"].encode(), case["flux_signature"], [secret], now=case["timestamp"])
        assert event == json.loads(case["body"])


@pytest.mark.parametrize("case", by_name("signed"))
def test_what_we_accept_is_what_another_library_accepts(case: dict[str, Any]) -> None:
    stripe = pytest.importorskip("stripe")
    for secret in case["secrets"]:
        assert stripe.WebhookSignature.verify_header(case["body"], case["flux_signature"], secret)


@pytest.mark.parametrize("case", by_name("accepted"))
def test_what_must_be_accepted_is(case: dict[str, Any]) -> None:
    tolerance = case.get("tolerance_seconds", TOLERANCE_SECONDS)
    event = verify(case["body"], case["flux_signature"], case["secrets"], now=case["now"], tolerance_seconds=tolerance)
    assert event == json.loads(case["body"])


@pytest.mark.parametrize("case", by_name("refused"))
def test_what_must_be_refused_is_and_gets_its_code(case: dict[str, Any]) -> None:
    tolerance = case.get("tolerance_seconds", TOLERANCE_SECONDS)
    with pytest.raises(SignatureError) as refused:
        verify(case["body"], case["flux_signature"], case["secrets"], now=case["now"], tolerance_seconds=tolerance)
    assert refused.value.code == case["code"]


def test_the_vectors_have_names_of_their_own_and_meet_every_code() -> None:
    names = [case["name"] for kind in ("signed", "accepted", "refused") for case in VECTORS[kind]]
    assert len(set(names)) == len(names)
    assert {case["code"] for case in VECTORS["refused"]} == set(get_args(Code))


@pytest.mark.parametrize(
    "header",
    [
        f"t={THEN}" + f",v1={DIGEST}" * 1000,
        f"t={THEN},v1=" + "0" * 100_000,
        "," * MAX_HEADER_LENGTH,
        f"{HEADER},x={'0' * MAX_HEADER_LENGTH}",
        f"t={THEN},v1={chr(0xD800) * 64}",
        b"t=\xff," + HEADER.encode(),
    ],
    ids=["1000 signatures", "100 kB", "commas", "too long", "half a surrogate pair", "bytes beyond ASCII"],
)
def test_a_hostile_header_is_malformed(header: str | bytes) -> None:
    assert code_of(header) == "malformed"


def test_the_most_signatures_that_a_rotation_can_need_are_read() -> None:
    others = [encode_secret(bytes([each]) * 24) for each in range(MAX_SIGNATURES)]
    assert verify(BODY, sign(others, THEN, BODY), others[-1], now=THEN) == EVENT
    assert code_of(sign([*others, SECRET], THEN, BODY)) == "malformed"


def test_a_time_or_tolerance_that_is_no_number_lets_nothing_pass() -> None:
    for now, tolerance in [(float("nan"), 300.0), (float(THEN), float("nan"))]:
        with pytest.raises(SignatureError):
            verify(BODY, HEADER, SECRET, now=now, tolerance_seconds=tolerance)


def test_the_clock_of_the_machine_is_asked_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify(BODY, HEADER, SECRET, tolerance_seconds=float("inf")) == EVENT
    monkeypatch.setattr("time.time", lambda: THEN + 300.0)
    assert verify(BODY, HEADER, SECRET) == EVENT
    monkeypatch.setattr("time.time", lambda: THEN + 301.0)
    with pytest.raises(SignatureError) as refused:
        verify(BODY, HEADER, SECRET)
    assert refused.value.code == "too_old"
    assert verify(BODY, HEADER, SECRET, now=THEN) == EVENT


@pytest.mark.parametrize("raw", [BODY, BODY.decode(), bytearray(BODY), memoryview(BODY), memoryview(array("B", BODY))])
def test_any_raw_body_passes(raw: Any) -> None:
    assert verify(raw, HEADER, SECRET, now=THEN) == EVENT


@pytest.mark.parametrize("parsed", [EVENT, [], None, 7, object(), verify])
def test_a_parsed_body_is_a_type_error_that_says_what_to_pass(parsed: Any) -> None:
    with pytest.raises(TypeError, match=rf"raw request body as bytes or str, not a {type(parsed).__name__}"):
        verify(parsed, HEADER, SECRET, now=THEN)


def test_text_that_cannot_be_encoded_fits_nothing() -> None:
    assert code_of(body='{"test": "\ud800"}') == "no_match"


@pytest.mark.parametrize("none", [None, "", b""])
def test_a_header_that_the_framework_does_not_have_is_missing(none: str | bytes | None) -> None:
    assert code_of(none) == "missing_header"


def test_a_header_in_bytes_passes_as_asgi_hands_it_over() -> None:
    assert verify(BODY, HEADER.encode(), SECRET, now=THEN) == EVENT


@pytest.mark.parametrize("wrong", [{"flux-signature": HEADER}, [HEADER], 7])
def test_what_is_no_headers_value_is_a_type_error_that_says_so(wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"value of the header flux-signature as text, not a {type(wrong).__name__}"):
        verify(BODY, wrong, SECRET, now=THEN)


@pytest.mark.parametrize("secret", [[OTHER, SECRET], (SECRET, OTHER), {SECRET}, iter([SECRET])])
def test_one_fitting_secret_of_any_collection_is_enough(secret: Iterable[str]) -> None:
    assert verify(BODY, HEADER, secret, now=THEN) == EVENT


@pytest.mark.parametrize(
    "secret", [None, [None], SECRET.encode(), 7, [SECRET, None], [SECRET, 7], object(), [[SECRET]]]
)
def test_a_secret_that_is_no_text_is_said(secret: Any) -> None:
    assert code_of(secret=secret) == "bad_secret"


def test_no_error_tells_the_secret_or_the_body() -> None:
    for secret, header, body in [(OTHER, HEADER, BODY), (SECRET[6:], HEADER, BODY), (SECRET, "x", BODY)]:
        with pytest.raises(SignatureError) as refused:
            verify(body, header, secret, now=THEN)
        assert secret not in repr(refused.value)
        assert body.decode() not in repr(refused.value)


def test_the_error_shows_its_message_and_survives_pickling() -> None:
    error = SignatureError("no_match", "No signature fits.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.code, again.message) == (str(error), error.code, error.message)
    assert str(error) == "No signature fits."


@pytest.mark.parametrize("body", [b"7", b"null", b"\xff", b'{"a":' * 100_000, b"\xef\xbb\xbf{}", b'"' * 10])
def test_a_signed_body_that_is_no_object_is_malformed(body: bytes) -> None:
    assert code_of(sign([SECRET], THEN, body), body=body) == "malformed"
