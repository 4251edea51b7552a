"""The statements behind retry: one delivery is recovered or made due, and its event has not failed any more."""

from typing import Any, Final, cast

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.delivery import State, Transition, sources, target
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.retried import Receiving, Retried
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.event_statuses import lock_events, unfail

WAITING: Final = [State.PENDING.value, State.SCHEDULED.value]

# What is parked stays so: it is due.
DUE_NOW: Final = """
        SET state = CASE WHEN found.state = ANY(CAST(:ended AS text[])) THEN :recovered ELSE found.state END,
            recovered_after = CASE
                WHEN found.state = ANY(CAST(:ended AS text[])) THEN found.attempts ELSE deliveries.recovered_after
            END,
            rescues = CASE WHEN found.state = ANY(CAST(:ended AS text[])) THEN 0 ELSE deliveries.rescues END,
            reason = NULL, ended_at = NULL,
            due_at = least(deliveries.due_at, flux_now()),
            sweep_at = CASE
                WHEN deliveries.sweep_at = 'infinity' THEN deliveries.sweep_at
                ELSE flux_second(flux_now() + CAST(:sweep_after AS interval))
            END
"""
"""How an UPDATE of deliveries makes those due that were `found` waiting, and recovers those that had ended."""

_RETRY = text(
    """
    WITH found AS (
        SELECT deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.state, deliveries.attempts,
               deliveries.is_test,
               webhooks.deleted_at IS NOT NULL AS is_deleted, webhooks.status = 'enabled' AS is_enabled
        FROM deliveries JOIN webhooks ON webhooks.id = deliveries.webhook_id
        WHERE deliveries.id = CAST(:id AS uuid) AND deliveries.account_id = CAST(:account AS uuid)
        FOR NO KEY UPDATE OF deliveries
    ), moved AS (
        UPDATE deliveries :due_now:
        FROM found
        WHERE deliveries.id = found.id AND found.is_enabled AND NOT found.is_deleted AND NOT found.is_test
          AND (found.state = ANY(CAST(:waiting AS text[])) OR found.state = ANY(CAST(:ended AS text[])))
        RETURNING deliveries.id
    )
    SELECT found.*, EXISTS (SELECT FROM moved) AS is_moved FROM found
""".replace(":due_now:", DUE_NOW)
)


def due_now(timing: Timing) -> dict[str, Any]:
    """Return the parameters of `DUE_NOW`, and the states that it knows: `waiting` and `ended`."""
    return {
        "waiting": WAITING,
        "ended": sources(Transition.RECOVER),
        "recovered": target(Transition.RECOVER).value,
        "sweep_after": timing.enqueue_grace,
    }


class RetryStore:
    """Has single deliveries attempted again."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def retry(self, account: AccountId, delivery: DeliveryId) -> Retried | None:
        """Have a delivery that waits due now, and recover one that failed or was canceled; None: there is none.

        A test stays as it is.
        """
        id_, owner = parse_id(Prefix.DELIVERY, delivery), parse_id(Prefix.ACCOUNT, account)
        async with transaction(self._database) as connection:
            await lock_events(connection, owner, [id_])
            row = (
                await connection.execute(_RETRY, due_now(self._timing) | {"id": id_, "account": owner})
            ).one_or_none()
            if row is not None and row.is_moved and row.state == State.FAILED:
                await unfail(connection, [row.event_id])
            retried = _retried_from_row(row) if row else None
            if retried is not None and retried.is_moved:
                details = made_with(event=retried.event, webhook=retried.webhook)
                target = Target(TargetKind.DELIVERY, delivery)
                await note(connection, Action.DELIVERY_RETRIED, account, target, details)
        return retried


def _retried_from_row(row: Row[Any]) -> Retried:
    return Retried(
        state=State(row.state),
        event=cast(EventId, format_id(Prefix.EVENT, row.event_id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        receiving=_receiving(is_deleted=row.is_deleted, is_enabled=row.is_enabled),
        attempt=row.attempts + 1,
        is_test=row.is_test,
        is_moved=row.is_moved,
    )


def _receiving(*, is_deleted: bool, is_enabled: bool) -> Receiving:
    if is_deleted:
        return Receiving.DELETED
    return Receiving.ENABLED if is_enabled else Receiving.DISABLED
