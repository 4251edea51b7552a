"""What others wrote is harmless, and what is cut keeps what tells it apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.cli.output.text import cut_end, cut_middle, harmless, one_line

ID = "evt_019bc0d6f4c57b3e9f21c4d8e6a70003"


@given(st.text())
def test_what_is_left_moves_no_cursor(text: str) -> None:
    left = harmless(text)
    assert all(each in "\t\n" or not (ord(each) < 32 or 127 <= ord(each) < 160) for each in left)
    assert not {"\u202e", "\u2066", "\u200b"} & set(left)
    left.encode()


@pytest.mark.parametrize("text", ["Grüße", "日本語", "a\tb\nc", "🎉", "naïve — “quoted”"])
def test_what_people_write_stays(text: str) -> None:
    assert harmless(text) == text


@given(st.text(min_size=1), st.integers(1, 60))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert len(cut_middle(text, width)) <= max(width, 1)
    assert len(cut_end(text, width)) <= max(width, 1)


def test_an_id_keeps_its_beginning_and_its_end() -> None:
    assert cut_middle(ID, 17) == "evt_019b…e6a70003"
    assert cut_middle(ID, 36) == ID
    assert one_line(" two\n\n lines ") == "two lines"
