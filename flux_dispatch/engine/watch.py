"""Watch: operators are told when the installation is in trouble, and when that is over, whatever process is left."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.condition import LOOK_PAUSE, Condition, ConditionMove, KnownCondition, Seen
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.engine.flow import failpoint

log = structlog.get_logger("flux.watch")

ASK_SECONDS: Final = LOOK_PAUSE.total_seconds() / 3
"""How often a process asks for its turn: one that has died leaves it to the others soon."""

Look = Callable[[], Awaitable[Seen]]
"""Looks at one condition."""


class Known(Protocol):
    """What one transaction has in hand of the conditions."""

    async def see(self, seen: Sequence[Seen]) -> list[tuple[KnownCondition, ConditionMove]]:
        """Write down what was seen, and have operators told of what has changed; return what became of each."""
        ...


class Conditions(Protocol):
    """What watching needs of the store."""

    async def take_turn(self) -> bool:
        """Say whether it is this process's turn to look: of all of its kind one does, every LOOK_PAUSE."""
        ...

    def take(self) -> AbstractAsyncContextManager[Known]:
        """Take the conditions; committed with the block's end."""
        ...


class Watch:
    """Looks at conditions in turn with all processes of its kind.

    Args:
        conditions: the store.
        looks: what this kind of process can see.
    """

    def __init__(self, conditions: Conditions, looks: Sequence[Look]) -> None:
        self._conditions = conditions
        self._looks = looks

    async def run_once(self) -> float:
        """Look if it is this process's turn, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        if not self._looks or not await self._conditions.take_turn():
            return ASK_SECONDS
        seen = [seen for look in self._looks if (seen := await _seen_by(look))]
        async with self._conditions.take() as known:
            moves = await known.see(seen)
            failpoint.reach("conditions_seen")
        for before, move in moves:
            if move.is_told:
                _log(before.condition, move)
        return LOOK_PAUSE.total_seconds()


async def _seen_by(look: Look) -> Seen | None:
    """Return what a look has seen; None when the database gave up on it: the others are told all the more then."""
    try:
        return await look()
    except Unavailable as error:
        log.warning("watch.not_seen", cause=error.cause)
        return None


def _log(condition: Condition, move: ConditionMove) -> None:
    since = rfc3339_seconds(move.since)
    if move.holds:
        log.error("platform.in_trouble", condition=condition, since=since)
    else:
        log.warning("platform.well_again", condition=condition, since=since)
