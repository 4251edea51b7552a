"""The ids of a trace follow from the event's id, and every process takes the same part of the traces."""

from typing import cast
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.ids import EventId, Prefix, new_id
from flux_dispatch.domain.trace import TraceLinks, TraceRatio, publish_span_id_of, trace_id_of

EVENT = EventId("evt_0199c8a1b2c37d4e8f00112233445566")


def test_the_trace_of_an_event_is_its_uuid() -> None:
    assert f"{trace_id_of(EVENT):032x}" == "0199c8a1b2c37d4e8f00112233445566"
    assert f"{publish_span_id_of(EVENT):016x}" == "8f00112233445566"


@given(st.integers(0, 2**48 - 1))
def test_no_id_is_zero(milliseconds: int) -> None:
    event = cast(EventId, new_id(Prefix.EVENT, milliseconds))
    assert 0 < trace_id_of(event) < 2**128
    assert 0 < publish_span_id_of(event) < 2**64


def test_none_and_all() -> None:
    ids = [trace_id_of(cast(EventId, new_id(Prefix.EVENT, 1))) for _ in range(200)]
    assert not any(TraceRatio(0).takes(each) for each in [*ids, 2**128 - 1])
    assert all(TraceRatio(1).takes(each) for each in [*ids, 0])


def test_a_ratio_is_kept_though_two_of_the_last_64_bits_of_a_uuid_are_fixed() -> None:
    ids = [trace_id_of(cast(EventId, new_id(Prefix.EVENT, 1))) for _ in range(20_000)]
    assert all(UUID(int=each).version == 7 for each in ids[:10])
    for ratio in (0.01, 0.1, 0.5, 0.9):
        found = sum(TraceRatio(ratio).takes(each) for each in ids) / len(ids)
        assert abs(found - ratio) < 0.03


@given(st.integers(0, 2**128 - 1), st.floats(0, 1), st.floats(0, 1))
def test_who_takes_more_takes_all_that_others_take(trace_id: int, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert not TraceRatio(less).takes(trace_id) or TraceRatio(more).takes(trace_id)


def test_a_trace_is_linked_where_it_is_recorded_and_somebody_knows_where() -> None:
    pattern = "https://traces.example.com/{trace}?from=now-7d"
    link = "https://traces.example.com/0199c8a1b2c37d4e8f00112233445566?from=now-7d"
    assert TraceLinks(pattern, TraceRatio(1)).link_to(EVENT) == link
    assert TraceLinks(pattern, TraceRatio(0)).link_to(EVENT) is None
    assert TraceLinks(None, TraceRatio(1)).link_to(EVENT) is None
