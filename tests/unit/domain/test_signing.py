"""Both signatures are the published ones, and verify() believes nothing else."""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from flux_dispatch.domain.errors import SignatureError
from flux_dispatch.domain.signing import (
    LONGEST_HEADER,
    MOST_SIGNATURES,
    SECRET_BYTES,
    secret_from,
    sign_flux,
    sign_standard,
    verify,
)

# the vector that the Standard Webhooks libraries publish, and the same for our own header
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
THEN = 1614265330
BODY = b'{"test": 2432232314}'
HEADER = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
STANDARD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = secret_from(b"another secret, 24 bytes")
DIGEST = HEADER.partition("v1=")[2]

secrets = st.binary(min_size=SECRET_BYTES, max_size=64).map(secret_from)


def code_of(header: str, *, now: float = THEN, secret: str | Iterable[str] = SECRET, body: bytes | str = BODY) -> str:
    with pytest.raises(SignatureError) as refused:
        verify(body, header, secret, now=now)
    return refused.value.code


def test_the_published_vector_of_both_headers() -> None:
    assert sign_flux([SECRET], THEN, BODY) == HEADER
    assert sign_standard([SECRET], EVENT_ID, THEN, BODY) == STANDARD


def test_the_published_vector_passes() -> None:
    assert verify(BODY, HEADER, SECRET, now=THEN) == {"test": 2432232314}
    assert verify(BODY.decode(), HEADER, SECRET, now=THEN) == {"test": 2432232314}


def test_a_secret_needs_no_padding() -> None:
    secret = secret_from(bytes(range(SECRET_BYTES)))
    assert secret == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "missing_header"),
        (f"v1={DIGEST}", "malformed"),
        (f"t={THEN}", "malformed"),
        (f"t={THEN},t={THEN},v1={DIGEST}", "malformed"),
        (f"t=1_0,v1={DIGEST}", "malformed"),
        (f"t=+1,v1={DIGEST}", "malformed"),
        (f"t=-1,v1={DIGEST}", "malformed"),
        (f"t= {THEN},v1={DIGEST}", "malformed"),
        (f"t=,v1={DIGEST}", "malformed"),
        (f"t=1.0,v1={DIGEST}", "malformed"),
        (f"t={chr(0xFF11)},v1={DIGEST}", "malformed"),
        (f"t={'1' * 13},v1={DIGEST}", "malformed"),
        (f"t={THEN}\n,v1={DIGEST}", "malformed"),
        (f"t={THEN},v1={DIGEST[:-1]}", "malformed"),
        (f"t={THEN},v1={DIGEST}0", "malformed"),
        (f"t={THEN},v1={DIGEST.upper()}", "malformed"),
        (f"t={THEN},v1={'é' * 64}", "malformed"),
        (f"t={THEN},v1={DIGEST}\n", "malformed"),
        (f"t={THEN},v1=", "malformed"),
        (f"t={THEN},v0={DIGEST}", "malformed"),
        (f"t={THEN}" + f",v1={DIGEST}" * 1000, "malformed"),
        (f"t={THEN},v1=" + "0" * 100_000, "malformed"),
        ("," * LONGEST_HEADER, "malformed"),
        (f"{HEADER},x={'0' * LONGEST_HEADER}", "malformed"),
        (STANDARD, "malformed"),
        (f"t={THEN},v1={'0' * 64}", "no_match"),
        (f"t={THEN + 1},v1={DIGEST}", "no_match"),
    ],
)
def test_a_header_that_proves_nothing_gets_its_code(header: str, code: str) -> None:
    assert code_of(header) == code


def test_the_most_signatures_that_a_rotation_can_need_are_read() -> None:
    others = [secret_from(bytes([each]) * SECRET_BYTES) for each in range(MOST_SIGNATURES)]
    assert verify(BODY, sign_flux(others, THEN, BODY), others[-1], now=THEN)
    assert code_of(sign_flux([*others, SECRET], THEN, BODY)) == "malformed"


@pytest.mark.parametrize(("drift", "code"), [(301, "too_old"), (-301, "too_new")])
def test_a_time_outside_the_tolerance_is_refused_either_way(drift: int, code: str) -> None:
    assert code_of(HEADER, now=THEN + drift) == code


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_a_time_within_the_tolerance_passes(drift: int) -> None:
    assert verify(BODY, HEADER, SECRET, now=THEN + drift)


def test_the_tolerance_can_be_chosen() -> None:
    assert verify(BODY, HEADER, SECRET, now=THEN + 1000, tolerance_seconds=1000)


def test_a_forged_old_signature_says_no_match_so_that_the_clock_tells_nothing() -> None:
    assert code_of(f"t={THEN - 10_000},v1={'0' * 64}") == "no_match"


@pytest.mark.parametrize("parsed", [{"test": 2432232314}, [], None, 7])
def test_a_parsed_body_is_a_type_error_that_says_what_to_pass(parsed: object) -> None:
    with pytest.raises(TypeError, match="raw request body"):
        verify(parsed, HEADER, SECRET, now=THEN)


@pytest.mark.parametrize("raw", [BODY, bytearray(BODY), memoryview(BODY)])
def test_any_raw_body_passes(raw: bytes | bytearray | memoryview) -> None:
    assert verify(raw, HEADER, SECRET, now=THEN)


@pytest.mark.parametrize("secret", [SECRET + "\n", " " + SECRET, [OTHER, SECRET], (SECRET, OTHER), iter([SECRET])])
def test_one_fitting_secret_is_enough(secret: str | Iterable[str]) -> None:
    assert verify(BODY, HEADER, secret, now=THEN)


@pytest.mark.parametrize(
    "secret",
    ["", [], "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_!!", "whsec_c2hvcnQ=", "whsec_é", [SECRET, ""]],
)
def test_a_secret_that_cannot_be_one_is_said(secret: str | Iterable[str]) -> None:
    assert code_of(HEADER, secret=secret) == "bad_secret"


def test_old_and_new_secret_both_pass_while_both_sign() -> None:
    header = sign_flux([OTHER, SECRET], THEN, BODY)
    assert header.startswith(f"t={THEN},v1=")
    assert verify(BODY, header, SECRET, now=THEN) == verify(BODY, header, OTHER, now=THEN)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_byte_changed_no_longer_fits(position: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flip
    assert code_of(HEADER, body=bytes(changed)) == "no_match"


def test_a_body_serialised_again_no_longer_fits() -> None:
    again = json.dumps(json.loads(BODY), separators=(",", ":"))
    assert code_of(HEADER, body=again) == "no_match"


@pytest.mark.parametrize("body", [b"[]", b"7", b"", b"not JSON", b"\xff"])
def test_a_signed_body_that_is_no_object_is_malformed(body: bytes) -> None:
    assert code_of(sign_flux([SECRET], THEN, body), body=body) == "malformed"


@given(st.lists(secrets, min_size=1, max_size=3), st.integers(0, 10**12 - 1), st.dictionaries(st.text(), st.text()))
def test_what_is_signed_is_verified_by_any_of_its_secrets(signers: list[str], at: int, data: dict[str, str]) -> None:
    body = json.dumps(data).encode()
    header = sign_flux(signers, at, body)
    assert all(verify(body, header, each, now=at) == data for each in signers)


@given(st.text() | st.text("tv01=,abcdef"))
def test_no_header_gets_anything_but_a_code(header: str) -> None:
    assert code_of(header) in {"missing_header", "malformed", "no_match"}


@given(secrets, st.binary(min_size=1), st.integers(1, 10**10))
def test_the_standard_header_is_what_its_own_library_makes(secret: str, body: bytes, at: int) -> None:
    text = base64.b64encode(body).decode()
    digest = Webhook(secret).sign(EVENT_ID, datetime.fromtimestamp(at, UTC), text)
    assert sign_standard([secret], EVENT_ID, at, text.encode()) == digest
