"""A condition must hold for a while, and be over for a while, before anybody is told."""

from datetime import UTC, datetime

from flux_dispatch.domain.condition import HOLD, Condition, KnownCondition, Seen, move

NOW = datetime(2026, 1, 15, tzinfo=UTC)
WELL = KnownCondition(Condition.NO_WORKERS, holds=False, since=NOW - 100 * HOLD, opposite_since=None)


def seen(*, holds: bool | None) -> Seen:
    return Seen(Condition.NO_WORKERS, holds)


def test_it_is_told_when_it_has_held_for_long_enough_and_since_when() -> None:
    first = move(WELL, seen(holds=True), NOW)
    assert (first.holds, first.opposite_since, first.is_told) == (False, NOW, False)
    waiting = KnownCondition(Condition.NO_WORKERS, first.holds, first.since, first.opposite_since)
    assert not move(waiting, seen(holds=True), NOW + HOLD / 2).is_told
    told = move(waiting, seen(holds=True), NOW + HOLD)
    assert (told.holds, told.since, told.opposite_since, told.is_told) == (True, NOW, None, True)


def test_what_cannot_be_told_changes_nothing_and_what_passes_is_forgotten() -> None:
    waiting = KnownCondition(Condition.NO_WORKERS, holds=False, since=NOW - HOLD, opposite_since=NOW)
    assert move(waiting, seen(holds=None), NOW + HOLD).opposite_since == NOW
    assert move(waiting, seen(holds=False), NOW + HOLD).opposite_since is None
