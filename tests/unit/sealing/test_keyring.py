"""What is sealed opens in its own place with any key of the ring, and nowhere else."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.sealing.keyring import Keyring

OLD, NEW = bytes(32), bytes(range(32))
PLACE = "webhooks.sealed_secrets of wh_1"


@given(st.text())
def test_what_is_sealed_opens(text: str) -> None:
    assert Keyring([NEW]).unseal(Keyring([NEW]).seal(text, PLACE), PLACE) == text


def test_it_says_nothing_of_the_text_and_is_never_the_same() -> None:
    keyring = Keyring([NEW])
    one, other = keyring.seal("whsec_sesame", PLACE), keyring.seal("whsec_sesame", PLACE)
    assert one != other
    assert one[:5] == other[:5] == keyring.head
    assert b"sesame" not in one


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    both = Keyring([NEW, OLD])
    assert both.unseal(Keyring([OLD]).seal("text", PLACE), PLACE) == "text"
    assert both.seal("text", PLACE).startswith(Keyring([NEW]).head)


def test_an_unknown_key_is_named() -> None:
    sealed = Keyring([NEW]).seal("text", PLACE)
    with pytest.raises(CannotUnseal, match=Keyring([NEW]).newest_id) as caught:
        Keyring([OLD]).unseal(sealed, PLACE)
    assert "FLUX_ENCRYPTION_KEYS" in str(caught.value)
    assert b64encode(NEW).decode() not in str(caught.value)


def test_it_opens_in_no_other_place() -> None:
    sealed = Keyring([NEW]).seal("text", PLACE)
    for place in ("webhooks.sealed_headers of wh_1", "webhooks.sealed_secrets of wh_2", ""):
        with pytest.raises(CannotUnseal, match="sealed for another place"):
            Keyring([NEW]).unseal(sealed, place)


@given(st.integers(0, 5 + 12 + 4 + 16 - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(at: int, change: int) -> None:
    sealed = bytearray(Keyring([NEW]).seal("text", PLACE))
    sealed[at] ^= change
    with pytest.raises(CannotUnseal):
        Keyring([NEW]).unseal(bytes(sealed), PLACE)


@given(st.binary(max_size=40))
def test_rubbish_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotUnseal):
        Keyring([NEW]).unseal(Keyring([NEW]).head + sealed, PLACE)
    with pytest.raises(CannotUnseal):
        Keyring([NEW]).unseal(sealed, PLACE)


def test_derived_keys_differ_by_key_and_purpose() -> None:
    keyring = Keyring([NEW, OLD])
    keys = {NEW, OLD, *keyring.derived_keys("cursors"), *keyring.derived_keys("other"), *keyring.derived_keys("seal")}
    assert len(keys) == 8
    assert keyring.derived_keys("cursors")[1:] == Keyring([OLD]).derived_keys("cursors")
