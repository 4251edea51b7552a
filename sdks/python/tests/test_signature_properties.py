"""verify() on generated input: nothing that differs in one place passes, and nothing gets anything but a code."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from typing import Any

import pytest

from flux_webhooks import SignatureError, verify

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

# the vector that the Standard Webhooks libraries publish
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
THEN = 1614265330
BODY = b'{"test": 2432232314}'
HEADER = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"


def encode_secret(random: bytes) -> str:
    return "whsec_" + b64encode(random).decode()


def sign(secrets: list[str], timestamp: int, body: bytes) -> str:
    digests = [hmac.new(each.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest() for each in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={each}" for each in digests)])


secrets = st.binary(min_size=24, max_size=64).map(encode_secret)


def code_of(header: Any = HEADER, *, now: float = THEN, secret: Any = SECRET, body: bytes | str = BODY) -> str:
    with pytest.raises(SignatureError) as refused:
        verify(body, header, secret, now=now)
    return refused.value.code


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_byte_of_the_body_changed_no_longer_fits(position: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flip
    assert code_of(body=bytes(changed)) == "no_match"


@given(st.integers(0, len(HEADER) - 1), st.characters())
def test_one_character_of_the_header_changed_is_refused(position: int, character: str) -> None:
    changed = HEADER[:position] + character + HEADER[position + 1 :]
    if changed != HEADER:
        assert code_of(changed) in {"malformed", "no_match"}


@given(st.integers(0, len(SECRET) - 1), st.characters())
def test_one_character_of_the_secret_changed_is_refused(position: int, character: str) -> None:
    changed = SECRET[:position] + character + SECRET[position + 1 :]
    if changed != SECRET:
        assert code_of(secret=changed) in {"bad_secret", "no_match"}


@given(st.lists(secrets, min_size=1, max_size=3), st.integers(0, 10**12 - 1), st.dictionaries(st.text(), st.text()))
def test_any_event_passes_with_any_of_its_secrets(signers: list[str], at: int, data: dict[str, str]) -> None:
    body = json.dumps(data).encode()
    header = sign(signers, at, body)
    assert all(verify(body, header, each, now=at) == data for each in signers)


@given(st.integers(0, 10**10), st.integers(-1000, 1000), st.integers(0, 900))
def test_the_tolerance_is_the_same_either_way(at: int, drift: int, tolerance: int) -> None:
    header = sign([SECRET], at, BODY)
    try:
        verify(BODY, header, SECRET, now=at + drift, tolerance_seconds=tolerance)
        code = ""
    except SignatureError as error:
        code = error.code
    assert code == ("" if abs(drift) <= tolerance else "too_old" if drift > 0 else "too_new")


@given(st.text() | st.text("tv01=,abcdef"))
def test_no_header_gets_anything_but_a_code(header: str) -> None:
    assert code_of(header) in {"missing_header", "malformed", "no_match"}


@given(st.binary() | st.text(st.characters()))
def test_a_signed_body_is_an_object_or_malformed(body: bytes | str) -> None:
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    header = sign([SECRET], THEN, raw)
    try:
        assert isinstance(verify(body, header, SECRET, now=THEN), dict)
    except SignatureError as error:
        assert error.code == "malformed"  # noqa: PT017 - most bodies are none, a few are
