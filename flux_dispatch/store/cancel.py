"""The statement behind cancel: one page of what one webhook will no longer get, and when to look at it again."""

from datetime import timedelta
from typing import Final, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.delivery import State, Transition, sources, target
from flux_dispatch.domain.ids import Prefix, WebhookId, format_id
from flux_dispatch.domain.webhook import Cleared
from flux_dispatch.store.connect import DriverStatement

PAUSE: Final = timedelta(seconds=5)
"""When to look again at a webhook with attempts in flight: what they leave behind is canceled, too."""

LINGER: Final = timedelta(minutes=1)
"""When to look for the last time: an event may have been published while the webhook was being ended, by a statement
that saw it as it was before. Longer than any statement takes."""

# The webhook is locked: who enables it again waits for this page, and no page follows. Its deliveries are never waited
# for; those that somebody else holds are found by the next call. As nothing is canceled, nothing changes what the last
# EXISTS sees.
_CLEAR = DriverStatement("""
    WITH ended AS (
        SELECT id, greatest(updated_at, deleted_at) AS ended_at,
               CASE WHEN deleted_at IS NULL THEN 'webhook_disabled' ELSE 'webhook_deleted' END AS reason
        FROM webhooks
        WHERE cancel_at <= flux_now()
        ORDER BY cancel_at
        LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED
    ), page AS (
        SELECT id
        FROM deliveries
        WHERE ending = 0 AND webhook_id = (SELECT id FROM ended) AND state = ANY(CAST(:from AS text[]))
        ORDER BY event_id DESC
        LIMIT :limit
        FOR NO KEY UPDATE SKIP LOCKED
    ), canceled AS (
        UPDATE deliveries
        SET state = :to, reason = (SELECT reason FROM ended), ended_at = flux_now(),
            lease_token = NULL, leased_until = NULL, due_at = NULL, sweep_at = NULL
        WHERE id = ANY(ARRAY(SELECT id FROM page))
        RETURNING id
    ), counted AS (
        SELECT count(*) AS canceled FROM canceled
    )
    UPDATE webhooks
    SET cancel_at = CASE
        WHEN counted.canceled = :limit THEN flux_now()
        WHEN counted.canceled > 0 OR EXISTS (
            SELECT FROM deliveries
            WHERE ending = 0 AND webhook_id = ended.id AND state = ANY(CAST(:unfinished AS text[]))
        ) THEN flux_now() + :pause
        WHEN ended.ended_at + :linger > flux_now() THEN ended.ended_at + :linger
    END
    FROM ended, counted
    WHERE webhooks.id = ended.id
    RETURNING webhooks.id, counted.canceled
""")


class CancelStore:
    """Cancels what webhooks that were deleted or disabled will no longer get."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def clear_one(self, *, limit: int) -> Cleared | None:
        """Cancel up to `limit` deliveries of one such webhook, the newest first; None when none is to be looked at."""
        parameters = {
            "from": sources(Transition.CANCEL),
            "to": target(Transition.CANCEL),
            "unfinished": [*sources(Transition.CANCEL), State.SENDING],
            "limit": limit,
            "pause": PAUSE,
            "linger": LINGER,
        }
        for webhook, canceled in await _CLEAR.rows(self._database, parameters):
            return Cleared(cast(WebhookId, format_id(Prefix.WEBHOOK, webhook.hex)), canceled)
        return None
