"""An event's bytes are made once, exactly as documented, and its type finds the webhooks that want it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import (
    MAX_TYPE_LENGTH,
    compose_body,
    patterns_that_match,
    rfc3339_millis,
    rfc3339_seconds,
    serialised,
    validate_event_type,
)
from flux_dispatch.domain.webhook import validate_patterns

PAID = {"order": "№ 7", "total": 10**30, "paid": True}
THEN = datetime(2024, 1, 15, 10, 30, 0, 987_654, tzinfo=UTC)

words = st.text("abcXYZ019_-", min_size=1, max_size=8)
types = st.lists(words, min_size=1, max_size=6).map(".".join)
# what PostgreSQL and JSON can hold: no NUL, no half surrogate pair
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)
payloads = st.dictionaries(texts, values, max_size=4)


def test_the_body_is_exactly_these_bytes() -> None:
    body = compose_body("evt_1a2b3c4d", "order.completed", THEN, serialised(PAID))
    assert body == (
        b'{"id":"evt_1a2b3c4d","type":"order.completed","created":"2024-01-15T10:30:00Z",'
        b'"data":{"order":"\\u2116 7","total":1000000000000000000000000000000,"paid":true}}'
    )


@given(payloads)
def test_a_body_is_ascii_and_says_what_was_given(data: dict[str, Any]) -> None:
    body = compose_body("evt_1", "order.completed", THEN, serialised(data))
    assert body.isascii()
    parsed = json.loads(body)
    assert list(parsed) == ["id", "type", "created", "data"]
    assert parsed["data"] == data


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), -float("inf")),
        *("\0", "a\0b", "\\\0", "\\\\\0", "\ud800", "a\udfff", "\udc00\ud800"),
    ],
)
@pytest.mark.parametrize("where", ["value", "key", "deep"])
def test_what_json_or_the_database_cannot_hold_is_refused(value: str | float, where: str) -> None:
    data = {"value": {"x": value}, "key": {str(value): 1}, "deep": {"x": [[{"y": value}]]}}[where]
    if where == "key" and isinstance(value, float):
        return  # as a key it is the plain text "nan", which is fine
    with pytest.raises(InvalidRequest) as refused:
        compose_body("evt_1", "order.completed", THEN, serialised(data))
    assert (refused.value.param, refused.value.code) == ("data", "invalid_json")


@pytest.mark.parametrize("value", ["\\u0000", "\\\\u0000", "u0000", "\ud83d\ude00", "\\ud800"])
def test_what_only_looks_like_it_is_kept(value: str) -> None:
    clean = value.encode("utf-16", "surrogatepass").decode("utf-16")
    assert json.loads(compose_body("evt_1", "a", THEN, serialised({"x": clean})))["data"] == {"x": clean}


def test_nesting_without_end_is_refused() -> None:
    data: dict[str, Any] = {}
    for _ in range(100_000):
        data = {"x": data}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        compose_body("evt_1", "order.completed", THEN, serialised(data))


@given(types)
def test_a_type_is_matched_by_itself_by_its_prefixes_and_by_the_star(event_type: str) -> None:
    patterns = patterns_that_match(event_type)
    assert patterns[0] == "*"
    assert patterns[-1] == event_type
    assert len(patterns) == len(set(patterns)) == event_type.count(".") + 2
    assert validate_patterns(patterns) == tuple(patterns)
    assert all(event_type.startswith(each.removesuffix("*")) for each in patterns[:-1])


@pytest.mark.parametrize(
    ("event_type", "patterns"),
    [
        ("ping", ["*", "ping"]),
        ("order.completed", ["*", "order.*", "order.completed"]),
        ("order.line.added", ["*", "order.*", "order.line.*", "order.line.added"]),
    ],
)
def test_which_patterns_want_a_type(event_type: str, patterns: list[str]) -> None:
    assert patterns_that_match(event_type) == patterns


@given(types.filter(lambda each: len(each) <= MAX_TYPE_LENGTH))
def test_a_good_type_is_returned_as_it_was_given(event_type: str) -> None:
    assert validate_event_type(event_type) == event_type


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a.", ".a", "a..b", "../x", "*", "order.*", "a b", "a\n", "a/b", "ünder", "order.\N{ROCKET}"),
        *("a" * (MAX_TYPE_LENGTH + 1), "a" * 300, "\N{FULLWIDTH DIGIT ONE}", "a\0"),
    ],
)
def test_what_is_not_a_type_is_refused_with_the_name_of_the_field(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"like order\.completed") as refused:
        validate_event_type(text)
    assert (refused.value.param, refused.value.code, refused.value.status) == ("type", "invalid_event_type", 422)


def test_instants_are_written_by_rfc_3339_in_utc() -> None:
    assert rfc3339_seconds(THEN) == "2024-01-15T10:30:00Z"
    assert rfc3339_millis(THEN) == "2024-01-15T10:30:00.987Z"
