"""How long is waited before another connection."""

from flux_dispatch.cli.listen.backoff import Backoff


def test_it_connects_at_once_then_waits_for_longer_up_to_fifteen_seconds() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_seconds() for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 15, 15, 15]


def test_no_two_wait_alike() -> None:
    backoff = Backoff(lambda: 0.5)
    assert [backoff.next_seconds() for _ in range(3)] == [0, 0.375, 0.75]


def test_it_begins_anew_after_a_connection_that_lasted() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_seconds() for _ in range(3)] == [0, 0.5, 1]
    backoff.lasted(9)
    assert backoff.next_seconds() == 2
    backoff.lasted(10)
    assert backoff.next_seconds() == 0


def test_a_very_long_outage_overflows_nothing() -> None:
    backoff = Backoff(lambda: 0.0)
    assert {backoff.next_seconds() for _ in range(20_000)} == {0, 0.5, 1, 2, 4, 8, 15}
