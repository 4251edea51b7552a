"""What a producer may send through Celery, and what is said of the rest."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.errors import InvalidRequest
from workers.publication import DEEPEST, read_publication

ACCOUNT = "acct_" + "0" * 32
GOOD: dict[str, Any] = {"account": ACCOUNT, "type": "order.completed", "data": {}}


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"in": data}
    return data


@pytest.mark.parametrize(
    ("args", "fields", "code", "param"),
    [
        ((ACCOUNT, "order.completed", {}), {}, "unknown_field", None),
        ((), {"account": ACCOUNT, "data": {}}, "missing_field", "type"),
        ((), GOOD | {"colour": "red"}, "unknown_field", "colour"),
        ((), GOOD | {"account": None}, "wrong_type", "account"),
        ((), GOOD | {"account": "acct_7"}, "malformed_id", None),
        ((), GOOD | {"type": ["order.completed"]}, "wrong_type", "type"),
        ((), GOOD | {"data": None}, "wrong_type", "data"),
        ((), GOOD | {"data": [1]}, "wrong_type", "data"),
        ((), GOOD | {"data": {"raw": b"\xff"}}, "invalid_json", "data"),
        ((), GOOD | {"data": nested(DEEPEST)}, "invalid_json", "data"),
        ((), GOOD | {"data": nested(5000)}, "invalid_json", "data"),
        ((), GOOD | {"idempotency_key": 7}, "wrong_type", "idempotency_key"),
    ],
)
def test_what_is_no_publication_is_refused_by_name(
    args: tuple[object, ...], fields: dict[str, Any], code: str, param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_publication(args, fields, "7")
    assert (refusal.value.code, refusal.value.param) == (code, param)


def test_without_a_key_the_task_makes_it_one_event() -> None:
    assert read_publication((), GOOD, "7").idempotency_key == "celery:7"
    assert read_publication((), GOOD | {"idempotency_key": "k"}, "7").idempotency_key == "k"
    assert read_publication((), GOOD | {"idempotency_key": UUID(int=1)}, "7").idempotency_key == str(UUID(int=1))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006Z"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),  # noqa: DTZ001 - what a producer may send
        (Decimal("10.10"), "10.10"),
        (UUID(int=255), "00000000-0000-0000-0000-0000000000ff"),
    ],
)
def test_what_json_does_not_have_becomes_text(value: object, text: str) -> None:
    assert read_publication((), GOOD | {"data": {"a": [value]}}, "7").data == {"a": [text]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values))
def test_what_json_has_stays_as_it_is(data: dict[str, Any]) -> None:
    assert read_publication((), GOOD | {"data": data}, "7").data == data
