"""A caller's traceparent is continued when it is what W3C asks for, and ignored when it is anything else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tracing.callers import caller_in

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def ids(value: Any, **others: Any) -> tuple[str, str, bool] | None:
    found = caller_in({"traceparent": [value]} | {name: [each] for name, each in others.items()})
    return found and (f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled)


def test_a_good_one_names_the_callers_span() -> None:
    assert ids(GOOD) == (TRACE, SPAN, True)
    assert ids(f"00-{TRACE}-{SPAN}-00") == (TRACE, SPAN, False)
    # flags and versions to come
    assert ids(f"00-{TRACE}-{SPAN}-03") == (TRACE, SPAN, True)
    assert ids(f"cc-{TRACE}-{SPAN}-01-what-the-future-brings") == (TRACE, SPAN, True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        GOOD.upper(),
        GOOD + "-more",
        GOOD.replace("00-", "ff-"),
        GOOD.replace("00-", ""),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-zz",
        f"00-{TRACE}-{SPAN}-1",
        GOOD.replace("-", "_"),
        GOOD.replace("7", "\uff17"),
        "00-" + "a" * 100_000,
        b"bytes",
        17,
        None,
        ["list", "of", "texts"],
        {"a": "dict"},
    ],
)
def test_anything_else_is_ignored(value: Any) -> None:
    assert ids(value) is None


def test_two_of_them_are_none() -> None:
    assert caller_in({"traceparent": [GOOD, GOOD]}) is None
    assert caller_in({"traceparent": []}) is None
    assert caller_in({}) is None


@pytest.mark.parametrize("state", ["", "vendor=value", "=,=,", "a" * 10_000, "\x00", "ключ=1"])
def test_a_tracestate_changes_nothing(state: str) -> None:
    assert ids(GOOD, tracestate=state) == (TRACE, SPAN, True)


@given(st.text() | st.binary() | st.integers() | st.lists(st.text()))
def test_whatever_comes_nothing_breaks(value: Any) -> None:
    ids(value)
    ids(GOOD, tracestate=value)


@given(st.text(alphabet="0123456789abcdefABCDEF-g ", max_size=60))
def test_what_looks_like_one_is_one_or_ignored(value: str) -> None:
    found = ids(value)
    assert found is None or (len(found[0]) == 32 and int(found[0], 16) > 0 and int(found[1], 16) > 0)
