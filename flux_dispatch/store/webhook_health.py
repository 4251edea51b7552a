"""The statements behind check_health: webhooks whose time has come, looked at and moved in one transaction."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.attempt import advice_on
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Change, Target, TargetKind
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.own_event import OwnEvent
from flux_dispatch.domain.phases import NO_PHASES, Phases
from flux_dispatch.domain.webhook import Status
from flux_dispatch.domain.webhook_health import FAILING, Health, HealthRecord, UnwellWebhook
from flux_dispatch.store.alert_digests import note_occurrences, publish_own_events
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.last_failures import last_failure_of

# What began in the middle of a bucket shares it with attempts before: a delivery counts only from the next one on, and
# a roll-up has noted those of the same by itself. So what is counted is what failed; tests that did are nobody's alarm.
# OFFSET keeps the sub-select from being joined otherwise.
_DUE: Final = text(f"""
    WITH due AS MATERIALIZED (
        SELECT webhook_id, account_id, health, since FROM webhook_health
        WHERE check_at <= flux_now() ORDER BY check_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), looked_at AS (
        SELECT due.webhook_id AS id, due.webhook_id, due.account_id, due.since, webhooks.url, webhooks.disabled_reason,
               CASE WHEN webhooks.id IS NULL OR webhooks.deleted_at IS NOT NULL THEN '{Health.DELETED}'
                    ELSE due.health END AS health,
               coalesce(webhooks.status = 'enabled', false) AS is_enabled,
               counted.attempts, counted.has_delivered, counted.last_bucket
        FROM due LEFT JOIN webhooks ON webhooks.id = due.webhook_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(attempts - delivered - failed_tests), 0) AS attempts,
                   coalesce(bool_or(delivered > 0 AND bucket > due.since), false) AS has_delivered,
                   max(bucket) FILTER (WHERE attempts > failed_tests) AS last_bucket
            FROM (
                SELECT bucket, attempts, delivered, failed_tests FROM webhook_statistics
                WHERE webhook_id = due.webhook_id AND bucket > due.since - interval '5 minutes' OFFSET 0
            ) AS since_then
        ) AS counted
    )
    SELECT looked_at.*, flux_now() AS now, last.delivery_id, last.status AS last_status, last.error AS last_error,
           last.phases AS last_phases
    FROM looked_at LEFT JOIN {last_failure_of("looked_at")} ON true
    ORDER BY looked_at.webhook_id
""")  # noqa: S608 - ours
_FORGET = text("DELETE FROM webhook_health WHERE webhook_id = ANY(CAST(:webhooks AS uuid[]))")
_LATER = text("""
    UPDATE webhook_health SET check_at = given.check_at, health = given.health
    FROM unnest(CAST(:webhooks AS uuid[]), CAST(:healths AS text[]), CAST(:times AS timestamptz[]))
        AS given (webhook_id, health, check_at)
    WHERE webhook_health.webhook_id = given.webhook_id
""")
# Others lock a webhook first, and then what is known of its health: so none that they have is waited for.
_DISABLE = text("""
    UPDATE webhooks SET status = 'disabled', disabled_reason = :reason, updated_at = flux_now()
    WHERE id = ANY(ARRAY(
        SELECT id FROM webhooks
        WHERE id = ANY(CAST(:webhooks AS uuid[])) AND status = 'enabled' AND deleted_at IS NULL
        FOR NO KEY UPDATE SKIP LOCKED
    ))
    RETURNING id, account_id, coalesce(nullif(description, ''), url) AS endpoint
""")


_DISABLED: Final = {
    "status": Change(Status.ENABLED.value, Status.DISABLED.value),
    "disabled_reason": Change(None, FAILING),
}
"""How the audit log tells of a webhook that was disabled."""


class DueWebhooks:
    """What one transaction has in hand; nobody else has it."""

    def __init__(self, connection: AsyncConnection, webhooks: Sequence[UnwellWebhook], pace: AlertPace) -> None:
        self.webhooks = webhooks
        self._connection = connection
        self._pace = pace

    async def forget(self, webhooks: Sequence[WebhookId]) -> None:
        """Have nothing stored of these."""
        await self._connection.execute(_FORGET, {"webhooks": _uuids(webhooks)})

    async def look_again(self, looks: Sequence[tuple[WebhookId, Health, datetime]]) -> None:
        """Have these looked at again at these times."""
        parameters = {
            "webhooks": _uuids([webhook for webhook, _, _ in looks]),
            "healths": [health.value for _, health, _ in looks],
            "times": [at for _, _, at in looks],
        }
        await self._connection.execute(_LATER, parameters)

    async def disable(self, webhooks: Collection[WebhookId]) -> set[WebhookId]:
        """Disable these, but for those that somebody else has in hand or disabled; return which were."""
        if not webhooks:
            return set()
        rows = (await self._connection.execute(_DISABLE, {"webhooks": _uuids(webhooks), "reason": FAILING})).all()
        disabled = set()
        for row in rows:
            account = cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex))
            webhook = cast(WebhookId, format_id(Prefix.WEBHOOK, row.id.hex))
            target = Target(TargetKind.WEBHOOK, webhook, row.endpoint)
            await note(self._connection, Action.WEBHOOK_DISABLED, account, target, _DISABLED)
            disabled.add(webhook)
        return disabled

    async def note(self, occurrences: Sequence[Occurrence], events: Sequence[OwnEvent]) -> None:
        """Have channels told, and events published to the webhooks that ask for them."""
        await note_occurrences(self._connection, occurrences, self._pace)
        await publish_own_events(self._connection, events)


class HealthStore:
    """Finds webhooks that are not well."""

    def __init__(self, database: AsyncEngine, pace: AlertPace) -> None:
        self._database = database
        self._pace = pace

    @asynccontextmanager
    async def take(self, limit: int) -> AsyncIterator[DueWebhooks]:
        """Take up to so many whose time has come; what is done about them is committed with the block's end."""
        async with transaction(self._database) as connection:
            rows = (await connection.execute(_DUE, {"limit": limit})).all()
            yield DueWebhooks(connection, [_unwell_from_row(row) for row in rows], self._pace)


def _unwell_from_row(row: Row[Any]) -> UnwellWebhook:
    phases = Phases(*row.last_phases) if row.last_phases else NO_PHASES
    return UnwellWebhook(
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        url=row.url or "",
        disabled_reason=row.disabled_reason,
        record=HealthRecord(
            health=Health(row.health),
            since=row.since,
            is_enabled=row.is_enabled,
            attempts=int(row.attempts),
            has_delivered=row.has_delivered,
            last_attempt_at=row.last_bucket,
        ),
        looked_at=row.now,
        last_status=row.last_status,
        last_error=row.last_error,
        advice=advice_on(row.last_error, row.last_status, phases),
    )


def _uuids(webhooks: Collection[WebhookId]) -> list[UUID]:
    return [UUID(parse_id(Prefix.WEBHOOK, each)) for each in webhooks]
