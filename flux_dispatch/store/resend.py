"""The statements behind resend: who wants an event, and one step that has it sent again to some of them."""

from collections.abc import Sequence
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.delivery import State, Transition, sources
from flux_dispatch.domain.event import patterns_that_match
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.resent import Resendable, Resent
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.event_statuses import lock_events, recount, unfail
from flux_dispatch.store.retry import DUE_NOW, WAITING, due_now

# of an event either all deliveries are tests or none is
_EVENT = text("""
    SELECT type,
           coalesce((SELECT is_test FROM deliveries WHERE event_id = events.id LIMIT 1), false) AS is_test,
           EXISTS (
               SELECT FROM fan_outs WHERE account_id = events.account_id AND event_id = events.id
           ) AS is_fanning_out
    FROM events WHERE id = CAST(:event AS uuid) AND account_id = CAST(:account AS uuid)
""")

_MATCHING = text("""
    SELECT DISTINCT webhook_id FROM subscriptions
    WHERE account_id = CAST(:account AS uuid) AND pattern = ANY(CAST(:patterns AS text[]))
      AND webhook_id > CAST(:after AS uuid)
    ORDER BY webhook_id LIMIT :limit
""")

# One at a time for each event: the next one sees what this one has made. No row is locked for it: deliveries come first
# in the order of locks, and which they are is found behind this.
_WAIT_FOR_OTHERS = text("SELECT pg_advisory_xact_lock(hashtextextended(:event, 0))")

# What is inside coalesce is hidden from PostgreSQL's planner, as in a claim: it goes by the event.
_LATEST = text("""
    SELECT DISTINCT ON (webhook_id) id, webhook_id, state, attempts FROM deliveries
    WHERE event_id = CAST(:event AS uuid) AND coalesce(webhook_id = ANY(CAST(:webhooks AS uuid[])), false)
    ORDER BY webhook_id, id DESC
""")

# A row that somebody has moved meanwhile is left to them: its attempt begins after this was asked for. Rows are locked
# in the order of a final failure, by their ids.
_MAKE_DUE = text(
    """
    WITH found AS (
        SELECT id, state, attempts FROM deliveries
        WHERE id = ANY(CAST(:ids AS uuid[]))
          AND coalesce(state = ANY(CAST(:waiting AS text[]) || CAST(:ended AS text[])), false)
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE deliveries :due_now:
    FROM found
    WHERE deliveries.id = ANY(CAST(:ids AS uuid[])) AND deliveries.id = found.id
    RETURNING deliveries.id, found.state
""".replace(":due_now:", DUE_NOW)
)

# Deliveries of an event that was stored before.
_ADD_DELIVERIES = text("""
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at)
    SELECT CAST(:event AS uuid), id, account_id, :pending, flux_now(), flux_second(flux_now() + :sweep_after)
    FROM webhooks
    WHERE id = ANY(CAST(:webhooks AS uuid[])) AND account_id = CAST(:account AS uuid)
      AND status = 'enabled' AND coalesce(deleted_at IS NULL, false)
    RETURNING id
""")

# What waits or has ended is sent again by the row that is there. What was delivered stays so, and what is just being
# given up ends as it must: both get another row.
_MOVABLE: Final = frozenset({*WAITING, *sources(Transition.RECOVER)})
_IN_FLIGHT: Final = frozenset({State.SENDING.value})


class ResendStore:
    """Has events sent again."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def find(self, account: AccountId, event: EventId) -> Resendable | None:
        """Return what is to be known of an event before it is sent again; None: there is none."""
        async with connect(self._database) as connection:
            row = (await connection.execute(_EVENT, _ids(account, event))).one_or_none()
        return None if row is None else Resendable(row.type, is_test=row.is_test, is_fanning_out=row.is_fanning_out)

    async def matching(
        self, account: AccountId, event_type: str, *, after: WebhookId | None, limit: int
    ) -> list[WebhookId]:
        """Return up to `limit` enabled webhooks that want this type, in the order of their ids, behind this one."""
        parameters = {
            "account": parse_id(Prefix.ACCOUNT, account),
            "patterns": patterns_that_match(event_type),
            "after": parse_id(Prefix.WEBHOOK, after) if after else "0" * 32,
            "limit": limit,
        }
        async with connect(self._database) as connection:
            rows = (await connection.execute(_MATCHING, parameters)).scalars().all()
        return [cast(WebhookId, format_id(Prefix.WEBHOOK, each.hex)) for each in rows]

    async def resend(self, account: AccountId, event: EventId, webhooks: Sequence[WebhookId]) -> list[Resent]:
        """Have an event due now at each of these webhooks, in one transaction; one that was disabled is left out."""
        given = _ids(account, event)
        wanted = [parse_id(Prefix.WEBHOOK, each) for each in webhooks]
        async with transaction(self._database) as connection:
            await connection.execute(_WAIT_FOR_OTHERS, {"event": event})
            latest = await _latest(connection, given, wanted)
            movable = [row.id for row in latest if row.state in _MOVABLE]
            await lock_events(connection, given["account"], movable, [given["event"]])
            if without := set(wanted) - {row.webhook_id.hex for row in latest}:
                # a recovery that was waited for may have made what they lacked, due at once
                latest = [*latest, *await _latest(connection, given, sorted(without))]
            moved = await self._make_due(connection, movable)
            kept = {row.webhook_id.hex for row in latest if row.state in _MOVABLE | _IN_FLIGHT}
            made = await self._add(connection, given | {"webhooks": [each for each in wanted if each not in kept]})
            if State.FAILED in moved.values():
                await unfail(connection, [given["event"]])
            await recount(connection, [given["event"]])
            if moved or made:
                target = Target(TargetKind.EVENT, event)
                await note(connection, Action.EVENT_RESENT, account, target, made_with(webhooks=webhooks))
        again = [_resent(row, is_due=row.id in moved) for row in latest if row.webhook_id.hex in kept]
        return [*again, *(Resent(_delivery_id(each), 1, is_due=True) for each in made)]

    async def _make_due(self, connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return those that were moved, each with the state that it was in."""
        rows = await connection.execute(_MAKE_DUE, due_now(self._timing) | {"ids": ids})
        return {row.id: row.state for row in rows}

    async def _add(self, connection: AsyncConnection, given: dict[str, Any]) -> Sequence[UUID]:
        new = {"pending": State.PENDING.value, "sweep_after": self._timing.enqueue_grace}
        return (await connection.execute(_ADD_DELIVERIES, given | new)).scalars().all()


async def _latest(connection: AsyncConnection, given: dict[str, Any], webhooks: Sequence[str]) -> Sequence[Row[Any]]:
    return (await connection.execute(_LATEST, given | {"webhooks": webhooks})).all()


def _ids(account: AccountId, event: EventId) -> dict[str, Any]:
    return {"account": parse_id(Prefix.ACCOUNT, account), "event": parse_id(Prefix.EVENT, event)}


def _resent(row: Row[Any], *, is_due: bool) -> Resent:
    return Resent(_delivery_id(row.id), row.attempts + 1, is_due=is_due)


def _delivery_id(value: UUID) -> DeliveryId:
    return cast(DeliveryId, format_id(Prefix.DELIVERY, value.hex))
