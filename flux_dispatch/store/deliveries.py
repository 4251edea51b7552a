"""Deliveries and their attempts as they are read; what moves them stands with the verbs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.delivery import OPEN, State
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.domain.phases import NO_PHASES, Phases
from flux_dispatch.store.connect import connect
from flux_dispatch.store.pages import Page, Queries, behind, first_id

_DELIVERIES = """
    SELECT deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.state, deliveries.reason,
           deliveries.attempts, deliveries.due_at, deliveries.ended_at, deliveries.is_test,
           events.type AS event_type, webhooks.url, webhooks.description
    FROM {source}
    JOIN events ON events.id = deliveries.event_id
    JOIN webhooks ON webhooks.id = deliveries.webhook_id
"""

# A page of each stretch of the index that serves, and of those the newest.
_DELIVERIES_BY_ENDING = """(
        SELECT id, event_id, webhook_id, state, reason, attempts, due_at, ended_at, is_test
        FROM ({pages}) AS pages
        ORDER BY event_id DESC, id DESC
        LIMIT :limit
    ) AS deliveries"""
_PAGE_OF_DELIVERIES = """(
            SELECT id, event_id, webhook_id, state, reason, attempts, due_at, ended_at, is_test
            FROM deliveries
            WHERE account_id = :account AND {stretch} AND {where}
            ORDER BY event_id DESC, id DESC
            LIMIT :limit
        )"""

ATTEMPT: Final = "number, duration_seconds, attempts.ended_at, status, error, detail, phases, response_headers"
"""The columns of `attempts` that make an AttemptRecord."""

_ATTEMPTS = text(f"SELECT {ATTEMPT} FROM attempts WHERE delivery_id = :id ORDER BY number")  # noqa: S608 - ours


class DeliveryQueries(Queries):
    """Reads deliveries."""

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Row[Any]]:
        """Return deliveries; filters: event and webhook (uuids in hex), status, outcome, created_after, created_before.

        The times are those of their events, by which deliveries are listed, to the millisecond; the outcome is the
        error class of the last attempt.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = deliveries_query(page, filters)
        return await self._list(query, account, page, parameters)

    async def get(self, account: AccountId, delivery: DeliveryId) -> Row[Any] | None:
        """Return a delivery."""
        query = _DELIVERIES.format(source="deliveries")
        query += " WHERE deliveries.account_id = :account AND deliveries.id = CAST(:id AS uuid)"
        return await self._one(query, account, parse_id(Prefix.DELIVERY, delivery))

    async def several(self, account: AccountId, deliveries: Sequence[DeliveryId]) -> list[Row[Any]]:
        """Return these deliveries, the newest first."""
        query = _DELIVERIES.format(source="deliveries")
        query += " WHERE deliveries.account_id = :account AND deliveries.id = ANY(CAST(:ids AS uuid[]))"
        ids = [parse_id(Prefix.DELIVERY, each) for each in deliveries]
        return await self._rows(f"{query} ORDER BY deliveries.id DESC", account, {"ids": ids})

    async def attempts(self, delivery: DeliveryId) -> list[AttemptRecord]:
        """Return the attempts of a delivery, in order. Whose it is, is for the caller to ask."""
        async with connect(self._database) as connection:
            rows = await connection.execute(_ATTEMPTS, {"id": UUID(parse_id(Prefix.DELIVERY, delivery))})
            return [attempt_from_row(row) for row in rows]


def attempt_from_row(row: Row[Any]) -> AttemptRecord:
    """Return the attempt that a row with the columns of ATTEMPT holds."""
    return AttemptRecord(
        number=row.number,
        ended_at=row.ended_at,
        duration_seconds=row.duration_seconds,
        status=row.status,
        error=row.error,
        detail=row.detail,
        phases=_phases(row),
        headers=row.response_headers or {},
    )


def deliveries_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of deliveries, and its parameters besides the account and the page's own."""
    where = " AND ".join([behind(page, "event_id", "id"), *(_DELIVERY_CONDITIONS[name] for name in filters)])
    endings = [_ENDINGS[State(filters["status"])]] if "status" in filters else sorted(set(_ENDINGS.values()))
    if "outcome" in filters:
        # what was delivered has no error, and is not looked at
        endings = [each for each in endings if each != _ENDINGS[State.DELIVERED]] or [_NO_ENDING]
    parameters = dict(filters)
    if "created_after" in filters:
        parameters["created_after"] = first_id(filters["created_after"], 1)
    if "created_before" in filters:
        parameters["created_before"] = first_id(filters["created_before"], 0)
    pages = " UNION ALL ".join(
        _PAGE_OF_DELIVERIES.format(stretch=each, where=where) for each in _stretches(filters, endings)
    )
    query = _DELIVERIES.format(source=_DELIVERIES_BY_ENDING.format(pages=pages))
    return f"{query} ORDER BY deliveries.event_id DESC, deliveries.id DESC", parameters


def _stretches(filters: Mapping[str, Any], endings: Sequence[int]) -> list[str]:
    """Return the conditions for stretches of an index that have the newest first, and together all of these endings."""
    if "webhook" in filters or "event" in filters:
        return [f"ending = {each}" for each in endings]
    return [f"{which} AND ending = {each}" for each in endings for which in ("is_only", "NOT is_only")]


def _phases(row: Row[Any]) -> Phases:
    if row.phases is not None:
        return Phases(*row.phases)
    return NO_PHASES if row.error else Phases(wait=row.duration_seconds)


_ENDINGS: Final = {**dict.fromkeys(OPEN, 0), State.DELIVERED: 1, State.FAILED: 2, State.CANCELED: 3}
"""What deliveries.ending says of a delivery in this state."""

_NO_ENDING: Final = -1

_DELIVERY_CONDITIONS: Final = {
    "event": "event_id = CAST(:event AS uuid)",
    "webhook": "webhook_id = CAST(:webhook AS uuid)",
    "status": "state = :status",
    # an event's id begins with the millisecond that it was made in, so a time is a place in the index
    "created_after": "event_id >= CAST(:created_after AS uuid)",
    "created_before": "event_id < CAST(:created_before AS uuid)",
    "outcome": (
        "(SELECT error FROM attempts WHERE delivery_id = deliveries.id AND number = deliveries.attempts) = :outcome"
    ),
}
