"""Meters count what they should: a value by its bucket, an attempt by what it tells of engine and receiver."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flux_dispatch.domain.claim import Claim, ClaimedBatch
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, made_at_seconds, new_id
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse, Succeeded
from flux_dispatch.domain.retry import ONLY_ATTEMPT
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.meter import AttemptMeter, Histogram

NOW = 1_700_000_000.0
ASKED = 5000.0
"""In monotonic seconds; the database said NOW then."""


@pytest.mark.parametrize(
    ("value", "bucket"), [(-1.0, 0), (0.0, 0), (1.0, 0), (1.000001, 1), (2.0, 1), (2.5, 2), (3.0, 2), (1e9, 3)]
)
def test_a_value_is_in_the_first_bucket_that_it_does_not_exceed(value: float, bucket: int) -> None:
    histogram = Histogram([1, 2, 3])
    histogram.add(value)
    assert histogram.counts == [int(number == bucket) for number in range(4)]
    assert histogram.total == value


def claim(made_at: float, *, wait_seconds: float = 0, recovered_after: int = 0) -> Claim:
    delivery = DeliveryId(new_id(Prefix.DELIVERY, int(made_at * 1000)))
    empty = Claim(
        delivery, EventId(""), WebhookId(""), AccountId(""), "token", 1, wait_seconds, "https://a.example", (), {}, b""
    )
    return empty._replace(recovered_after=recovered_after)


def metered(claimed: Claim, attempt: Attempt, *, started: float) -> AttemptMeter:
    clock = LeaseClock(ClaimedBatch(datetime.fromtimestamp(NOW, UTC), 30, (claimed,)), ASKED)
    meter = AttemptMeter()
    meter.add(claimed, clock, started, attempt)
    return meter


ATTEMPT = Attempt(1, 0.25, Succeeded(200))


def test_an_id_tells_when_it_was_made() -> None:
    assert made_at_seconds(DeliveryId(new_id(Prefix.DELIVERY, 1_700_000_000_123))) == 1_700_000_000.123


def test_a_delivery_took_as_long_as_it_was_stored_before_its_answer() -> None:
    meter = metered(claim(NOW - 3), ATTEMPT, started=ASKED + 0.5)
    assert meter.latency.total == pytest.approx(3.75)
    assert meter.duration.total == 0.25


def test_an_attempt_is_late_by_what_it_began_after_it_was_due() -> None:
    assert metered(claim(NOW, wait_seconds=-2), ATTEMPT, started=ASKED + 0.5).delay.total == pytest.approx(2.5)
    assert metered(claim(NOW, wait_seconds=0.4), ATTEMPT, started=ASKED + 0.5).delay.total == pytest.approx(0.1)
    assert metered(claim(NOW, wait_seconds=0.9), ATTEMPT, started=ASKED + 0.5).delay.total == 0


def test_a_failure_a_test_and_what_was_recovered_have_no_latency() -> None:
    failed = replace(ATTEMPT, outcome=NoResponse(ErrorClass.TIMEOUT))
    meters = [
        metered(claim(NOW - 3), failed, started=ASKED),
        metered(claim(NOW - 3, recovered_after=ONLY_ATTEMPT), ATTEMPT, started=ASKED),
        metered(claim(NOW - 3, recovered_after=5), ATTEMPT, started=ASKED),
    ]
    assert [sum(meter.latency.counts) for meter in meters] == [0, 0, 0]
    assert [sum(meter.duration.counts) for meter in meters] == [1, 1, 1]


def test_clocks_that_disagree_make_no_negative_times() -> None:
    assert metered(claim(NOW + 60), ATTEMPT, started=ASKED).latency.total == 0
