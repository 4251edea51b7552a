"""An attempt that was written down tells what people want to know of it, whoever wrote it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import NO_PHASES, Phase, Phases

ENDED_AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def attempt(**values: Any) -> AttemptRecord:
    unsaid: dict[str, Any] = {"status": None, "error": None, "detail": None, "phases": NO_PHASES, "headers": {}}
    return AttemptRecord(number=1, ended_at=ENDED_AT, duration_seconds=0.25, **(unsaid | values))


def test_it_began_as_long_before_its_end_as_it_took() -> None:
    assert attempt().started_at == ENDED_AT - timedelta(milliseconds=250)


@pytest.mark.parametrize(
    ("values", "error_detail", "excerpt"),
    [
        ({"status": 500, "detail": "down"}, None, "down"),
        ({"status": 204}, None, ""),
        ({"error": "timeout", "detail": "Nothing came."}, "Nothing came.", None),
    ],
)
def test_the_detail_is_an_excerpt_of_an_answer_or_the_error_in_words(
    values: dict[str, Any], error_detail: str | None, excerpt: str | None
) -> None:
    record = attempt(**values)
    assert (record.error_detail, record.excerpt) == (error_detail, excerpt)


def test_what_to_do_is_told_of_a_failure_that_this_release_knows() -> None:
    assert attempt(status=200).advice is None
    assert attempt(error="of_a_later_release").advice is None
    assert attempt(status=503, error="http_status").advice == advise(ErrorClass.HTTP_STATUS, 503)
    late = attempt(error="timeout", phases=Phases(dns=0.1, connect=14.9))
    assert late.advice == advise(ErrorClass.TIMEOUT, None, Phase.CONNECT)
