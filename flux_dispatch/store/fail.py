"""The statement behind fail: a final failure is one transaction."""

import json
from collections.abc import Sequence
from typing import Final, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import ActorKind, TargetKind
from flux_dispatch.domain.delivery import Transition, sources, target
from flux_dispatch.domain.ids import AlertId, DeliveryId, Prefix, format_id, parse_id
from flux_dispatch.domain.webhook_health import Health
from flux_dispatch.store.connect import connect
from flux_dispatch.store.statistics import TALLY_FAILURES

# Rows are locked in the order of their ids, deliveries before webhooks before events (PostgreSQL runs the parts that
# nothing reads from the last to the first), so that two of these never wait for each other crosswise. Events are locked
# though they seem to have failed already: a recovery may be taking that back. A test makes no alert, and disables
# nothing; nor does a listen session, behind which somebody is trying things out. One that was changed since it was
# asked may be mended: what it answers now is not known yet.
_FAIL = text(
    f"""
    WITH exhausted AS (
        SELECT id, event_id, webhook_id, account_id, reason, is_test, attempts FROM deliveries
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state = ANY(CAST(:from AS text[]))
        ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE deliveries SET state = :to, ended_at = flux_now(), due_at = NULL, sweep_at = NULL
        FROM exhausted WHERE deliveries.id = exhausted.id
        RETURNING deliveries.id, deliveries.webhook_id, deliveries.is_test
    ), theirs AS (
        SELECT id FROM events
        WHERE id IN (SELECT event_id FROM exhausted)
        ORDER BY id FOR NO KEY UPDATE
    ), marked AS (
        UPDATE events SET failed_at = coalesce(failed_at, flux_now()) FROM theirs WHERE events.id = theirs.id
    ), answered AS (
        SELECT webhook_id, max(attempts.ended_at - attempts.duration_seconds * interval '1 second') AS began_at
        FROM exhausted JOIN attempts ON attempts.delivery_id = exhausted.id AND attempts.number = exhausted.attempts
        WHERE reason = 'gone' AND NOT is_test
        GROUP BY webhook_id
    ), gone AS (
        SELECT id FROM webhooks
        WHERE id IN (SELECT webhook_id FROM answered) AND status = 'enabled'
          AND (updated_at = created_at OR updated_at <= (SELECT began_at FROM answered WHERE webhook_id = webhooks.id))
          AND deleted_at IS NULL AND NOT is_listen AND CAST(:disables_gone AS boolean)
        ORDER BY id FOR NO KEY UPDATE
    ), disabled AS (
        UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', updated_at = flux_now()
        FROM gone WHERE webhooks.id = gone.id
        RETURNING webhooks.id, account_id, coalesce(nullif(description, ''), url) AS endpoint
    ), told AS (
        INSERT INTO audit_entries (
            account_id, action, actor_kind, actor_name, target_kind, target_id, target_name, changes
        )
        SELECT account_id, :disabled, :engine, '', :webhook, 'wh_' || replace(CAST(id AS text), '-', ''), endpoint,
               CAST(:changes AS jsonb)
        FROM disabled
    ), unwell AS (
        INSERT INTO webhook_health (webhook_id, account_id, health, since, check_at)
        SELECT id, account_id, :unwell, flux_now(), flux_now() FROM disabled ORDER BY id
        ON CONFLICT (webhook_id) DO UPDATE SET health = :unwell, check_at = flux_now()
    ), tallied AS (
        {TALLY_FAILURES}
    )
    INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
    SELECT account_id, exhausted.webhook_id, event_id, exhausted.id, coalesce(reason, 'attempts_exhausted')
    FROM exhausted JOIN moved USING (id)
    WHERE NOT exhausted.is_test AND NOT EXISTS (
        SELECT FROM webhooks WHERE webhooks.id = exhausted.webhook_id AND is_listen
    )
    RETURNING id
"""  # noqa: S608 - only a statement of our own is written into it
)

# how the audit log tells of a webhook that was disabled
_DISABLED: Final = {
    "disabled": Action.WEBHOOK_DISABLED.value,
    "engine": ActorKind.ENGINE.value,
    "webhook": TargetKind.WEBHOOK.value,
    "changes": json.dumps({"status": ["enabled", "disabled"], "disabled_reason": [None, "gone"]}),
}


class FailureStore:
    """Writes final failures.

    Args:
        database: where they are.
        disables_gone: whether a webhook that answered 410 is disabled.
    """

    def __init__(self, database: AsyncEngine, *, disables_gone: bool = True) -> None:
        self._database = database
        self._disables_gone = disables_gone

    async def fail(self, deliveries: Sequence[DeliveryId]) -> list[AlertId]:
        """Fail those that are exhausted, mark their events failed and store an alert for each; return the alerts.

        A receiver that answered 410 has its webhook disabled in the same transaction, and people are to be told. Tests,
        and what was for a listen session, fail without any of it.
        """
        parameters = {
            "ids": [parse_id(Prefix.DELIVERY, each) for each in deliveries],
            "from": sources(Transition.FAIL),
            "to": target(Transition.FAIL),
            **_DISABLED,
            "disables_gone": self._disables_gone,
            "unwell": Health.DISABLED.value,
        }
        async with connect(self._database) as connection:
            rows = (await connection.execute(_FAIL, parameters)).scalars().all()
        return [cast(AlertId, format_id(Prefix.ALERT, each.hex)) for each in rows]
