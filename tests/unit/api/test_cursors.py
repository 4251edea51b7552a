"""A cursor goes on where it was made, and no other text passes for one."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.api.cursors import Cursors

NEW, OLD = b"n" * 32, b"o" * 32
LIST = "/v1/events acct_1"
IDS = ("0" * 31 + "1", "f" * 32)


def test_any_key_of_the_ring_verifies_and_others_do_not() -> None:
    made = Cursors([OLD]).write(LIST, IDS)
    assert Cursors([NEW, OLD]).read(LIST, made, 2) == IDS
    assert Cursors([NEW]).read(LIST, made, 2) is None


def test_it_belongs_to_its_list_account_and_order() -> None:
    made = Cursors([NEW]).write(LIST, IDS)
    for of_list, count in (("/v1/alerts acct_1", 2), ("/v1/events acct_2", 2), (LIST, 1), (LIST, 3), (LIST, 0)):
        assert Cursors([NEW]).read(of_list, made, count) is None


@given(st.integers(0, 47), st.integers(1, 255))
def test_an_edited_one_is_none(at: int, change: int) -> None:
    held = bytearray(urlsafe_b64decode(Cursors([NEW]).write(LIST, IDS)))
    held[at] ^= change
    assert Cursors([NEW]).read(LIST, urlsafe_b64encode(held).decode().rstrip("="), 2) is None


def test_another_spelling_of_the_same_bytes_is_none() -> None:
    made = Cursors([NEW]).write(LIST, IDS[:1])
    assert Cursors([NEW]).read(LIST, made, 1) == IDS[:1]
    last = chr(ord(made[-1]) + 1)
    for other in (made + "=", made + "\n", f"{made[:5]}!{made[5:]}", f"{made[:-1]}{last}", f" {made}"):
        assert Cursors([NEW]).read(LIST, other, 1) is None, other


@given(st.text())
def test_rubbish_is_none(text: str) -> None:
    for count in (0, 1, 2):
        assert Cursors([NEW]).read(LIST, text, count) is None
