"""The statements behind a test: an event with one delivery that nobody else gets, and whether it has ended."""

from datetime import timedelta
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.event import Event
from flux_dispatch.domain.ids import DeliveryId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.retry import ONLY_ATTEMPT
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction

_ADD_TEST = text("""
    WITH target AS (
        SELECT id, account_id FROM webhooks
        WHERE id = CAST(:webhook AS uuid) AND account_id = CAST(:account AS uuid)
          AND status = 'enabled' AND coalesce(deleted_at IS NULL, false)
    ), stored AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT CAST(:event AS uuid), account_id, :type, :created_at, :body FROM target
    )
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at, recovered_after, is_test,
                            is_only)
    SELECT CAST(:event AS uuid), id, account_id, :pending, flux_now(), flux_second(flux_now() + :sweep_after),
           :only_attempt, true, true
    FROM target
    RETURNING id, (
        SELECT coalesce(nullif(description, ''), url) FROM webhooks WHERE webhooks.id = deliveries.webhook_id
    ) AS endpoint
""")

_IS_OPEN = text("SELECT EXISTS (SELECT FROM deliveries WHERE id = CAST(:id AS uuid) AND ended_at IS NULL)")


class SendTestStore:
    """Stores tests of webhooks."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def add(self, event: Event, webhook: WebhookId) -> DeliveryId | None:
        """Store an event with one delivery to one webhook, a test; None, and nothing stored, if it is not enabled."""
        parameters = {
            "webhook": parse_id(Prefix.WEBHOOK, webhook),
            "account": parse_id(Prefix.ACCOUNT, event.account),
            "event": parse_id(Prefix.EVENT, event.id),
            "type": event.type,
            "created_at": event.created_at,
            "body": event.body,
            "pending": State.PENDING.value,
            "sweep_after": self._timing.sweep_after(timedelta(0)),
            "only_attempt": ONLY_ATTEMPT,
        }
        async with transaction(self._database) as connection:
            made = (await connection.execute(_ADD_TEST, parameters)).one_or_none()
            if made is None:
                return None
            target, details = (
                Target(TargetKind.WEBHOOK, webhook, made.endpoint),
                made_with(type=event.type, event=event.id),
            )
            await note(connection, Action.WEBHOOK_TESTED, event.account, target, details)
        return cast(DeliveryId, format_id(Prefix.DELIVERY, made.id.hex))

    async def has_ended(self, delivery: DeliveryId) -> bool:
        """Say whether nothing more will come of a delivery."""
        async with connect(self._database) as connection:
            is_open = await connection.execute(_IS_OPEN, {"id": parse_id(Prefix.DELIVERY, delivery)})
            return not is_open.scalar()
