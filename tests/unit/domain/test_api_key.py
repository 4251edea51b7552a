"""A key is recognised, and a mistyped one is known as such without asking anybody."""

import hashlib
from binascii import crc32
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.api_key import ApiKey, Scope, digest, encode_api_key, is_well_formed

RANDOM = st.binary(min_size=24, max_size=24)
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_key_is_a_prefix_32_characters_and_a_checksum() -> None:
    assert encode_api_key(bytes(24)) == "sk_live_" + "0" * 32 + _checksum_of("0" * 32)
    assert encode_api_key(b"\0" * 23 + b"\x3d") == "sk_live_" + "0" * 31 + "z" + _checksum_of("0" * 31 + "z")


@given(RANDOM)
def test_every_key_is_well_formed_and_of_one_length(random: bytes) -> None:
    key = encode_api_key(random)
    assert is_well_formed(key)
    assert len(key) == 46


@given(RANDOM, st.integers(min_value=0, max_value=45), st.sampled_from(DIGITS))
def test_one_wrong_character_shows(random: bytes, place: int, other: str) -> None:
    key = encode_api_key(random)
    mistyped = key[:place] + other + key[place + 1 :]
    assert is_well_formed(mistyped) == (mistyped == key)


@given(RANDOM, st.integers(min_value=8, max_value=44))
def test_two_characters_in_the_wrong_order_show(random: bytes, place: int) -> None:
    key = encode_api_key(random)
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_well_formed(swapped) == (swapped == key)


@pytest.mark.parametrize(
    "text",
    ["", "sk_live_", "sk_live_" + "0" * 38, "sk_test_" + "0" * 38, "é" * 46, "sk_live_" + "\u0660" * 38, "x" * 100_000],
)
def test_what_is_no_key_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


@given(RANDOM)
def test_nothing_may_stand_around_a_key(random: bytes) -> None:
    key = encode_api_key(random)
    assert not any(is_well_formed(each) for each in (key + "\n", " " + key, key + "0", key[:-1], key.upper()))


@given(RANDOM, RANDOM)
def test_other_random_bytes_are_another_key(one: bytes, other: bytes) -> None:
    # 32 characters of base 62 hold 190 of the 192 bits: keys may only meet when those are equal
    same = (int.from_bytes(one, "big") - int.from_bytes(other, "big")) % 62**32 == 0
    assert (encode_api_key(one) == encode_api_key(other)) == same


def test_a_digest_is_sha256_of_the_whole_key() -> None:
    key = encode_api_key(bytes(24))
    assert digest(key) == hashlib.sha256(key.encode()).digest()


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("wanted", Scope)
def test_a_key_may_do_what_its_scopes_name_and_admin_all(scope: Scope, wanted: Scope) -> None:
    assert _key(scope).may(wanted) == (scope in {wanted, Scope.ADMIN})


def test_scopes_add_up_and_none_is_nothing() -> None:
    both = _key(Scope.READ, Scope.EVENTS_WRITE)
    assert [each for each in Scope if both.may(each)] == [Scope.EVENTS_WRITE, Scope.READ]
    assert not any(_key().may(each) for each in Scope)
    assert not _key("reader", "adm").may(Scope.READ)


def _key(*scopes: str) -> ApiKey:
    return ApiKey("key_1", None, scopes, "0000", datetime(2026, 1, 15, tzinfo=UTC), None)


def _checksum_of(body: str) -> str:
    """Return CRC-32 in six digits of base 62."""
    number, digits = crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits
