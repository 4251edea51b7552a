"""JSON is laid out for people, and stays what it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.web.json_layout import indented, readable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_it_says_the_same_as_python_lays_it_out(value: object) -> None:
    assert indented(json.dumps(value), 1_000_000) == json.dumps(value, indent=2)


def test_numbers_and_strings_stay_as_they_were_written() -> None:
    written = '{"far":0.10000000000000001,"price":1.10,"big":1E400,"text":"a\\u00e4 \\"{}[],:"}'
    assert "".join(indented(written, 1000).split("\n")).replace("  ", "").replace('": ', '":') == written


@given(VALUES)
def test_what_can_be_read_says_the_same(value: object) -> None:
    assert json.loads(readable(json.dumps(value))) == json.loads(json.dumps(value))


def test_letters_are_read_and_what_nobody_sees_is_not_taken_for_nothing() -> None:
    letters = "Bücher, كتب, 本, \U0001f4da"
    assert readable(json.dumps(letters)) == f'"{letters}"'
    hidden = (r'"\u0041\u0022\n\\u00e4\\"', r'"\u202egpj.exe\u200b"', r'"\ud800\u0009"', r'"cut \u00')
    assert [readable(each) for each in hidden] == list(hidden)


@pytest.mark.parametrize("text", ['{"a":"' + "x" * 10_000 + '"}', "[" * 5000 + "]" * 5000, "[" + "1," * 9999 + "1]"])
def test_of_much_only_the_beginning_is_laid_out(text: str) -> None:
    assert len(indented(text, 500)) == 501
    assert indented(text, 500)[0] == text[0]
