"""The statements behind watch: who looks, and what operators were told of each condition."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.condition import LOOK_PAUSE, Condition, ConditionMove, KnownCondition, Seen, move
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.store.alert_digests import note_occurrences
from flux_dispatch.store.connect import connect, transaction

_TAKE_TURN = text("""
    INSERT INTO condition_looks AS known (by, looked_at) VALUES (:by, flux_now())
    ON CONFLICT (by) DO UPDATE SET looked_at = flux_now() WHERE known.looked_at <= flux_now() - CAST(:pause AS interval)
    RETURNING by
""")
_KNOW = text("""
    INSERT INTO conditions (condition, holds)
    SELECT condition, false FROM unnest(CAST(:conditions AS text[])) AS g (condition) ORDER BY condition
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    SELECT condition, holds, since, opposite_since, flux_now() AS now FROM conditions
    WHERE condition = ANY(CAST(:conditions AS text[])) ORDER BY condition FOR NO KEY UPDATE
""")
_MOVE = text("""
    UPDATE conditions SET holds = :holds, since = :since, opposite_since = :opposite_since WHERE condition = :condition
""")


class KnownConditions:
    """What one transaction has in hand."""

    def __init__(self, connection: AsyncConnection, pace: AlertPace) -> None:
        self._connection = connection
        self._pace = pace

    async def see(self, seen: Sequence[Seen]) -> list[tuple[KnownCondition, ConditionMove]]:
        """Write down what was seen, and have operators told of what has changed; return what became of each."""
        which = {"conditions": [each.condition.value for each in seen]}
        await self._connection.execute(_KNOW, which)
        rows = {row.condition: row for row in await self._connection.execute(_TAKE, which)}
        moves = []
        for each in seen:
            row = rows[each.condition]
            known = _known_from_row(row)
            moved = move(known, each, row.now)
            if (moved.holds, moved.opposite_since) != (known.holds, known.opposite_since):
                await self._connection.execute(_MOVE, _values(known.condition, moved))
            if moved.is_told:
                occurrence = _occurrence(known, moved, each, row)
                await note_occurrences(self._connection, [occurrence], self._pace)
            moves.append((known, moved))
        return moves


class ConditionStore:
    """Keeps what was seen of the installation.

    Args:
        database: where that is.
        by: the kind of process that looks; those of one kind take turns.
        pace: how often channels are told.
    """

    def __init__(self, database: AsyncEngine, by: str, pace: AlertPace) -> None:
        self._database = database
        self._by = by
        self._pace = pace

    async def take_turn(self) -> bool:
        """Say whether it is this process's turn to look."""
        parameters = {"by": self._by, "pause": LOOK_PAUSE}
        async with connect(self._database) as connection:
            return bool((await connection.execute(_TAKE_TURN, parameters)).scalar())

    @asynccontextmanager
    async def take(self) -> AsyncIterator[KnownConditions]:
        """Take the conditions; what is done with them is committed with the block's end."""
        async with transaction(self._database) as connection:
            yield KnownConditions(connection, self._pace)


def _known_from_row(row: Row[Any]) -> KnownCondition:
    return KnownCondition(Condition(row.condition), row.holds, row.since, row.opposite_since)


def _values(condition: Condition, moved: ConditionMove) -> dict[str, Any]:
    return {
        "condition": condition.value,
        "holds": moved.holds,
        "since": moved.since,
        "opposite_since": moved.opposite_since,
    }


def _occurrence(known: KnownCondition, moved: ConditionMove, seen: Seen, row: Row[Any]) -> Occurrence:
    subject, now = known.condition.value, row.now
    if moved.holds:
        begun = {"says": seen.says, "since": rfc3339_seconds(moved.since)}
        return Occurrence(None, subject, AlertKind.PLATFORM_TROUBLE, 1, now, now, begun)
    return Occurrence(None, subject, AlertKind.PLATFORM_WELL, 1, now, now, {"since": rfc3339_seconds(known.since)})
