"""JSON is laid out for people, and stays what it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.web.json_layout import indented

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


@pytest.mark.parametrize("text", ['{"a":"' + "x" * 10_000 + '"}', "[" * 5000 + "]" * 5000, "[" + "1," * 9999 + "1]"])
def test_of_much_only_the_beginning_is_laid_out(text: str) -> None:
    assert len(indented(text, 500)) == 501
    assert indented(text, 500)[0] == text[0]
