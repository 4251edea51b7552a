"""The overview of an account: what waits, how much happened, and which webhooks need attention."""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Row

from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id
from flux_dispatch.domain.overview import NeedsAttention, OldestWaiting
from flux_dispatch.domain.statistics import Counts
from flux_dispatch.domain.webhook import BY_HAND, Status
from flux_dispatch.store.last_failures import last_failure_from_row, last_failure_of
from flux_dispatch.store.pages import HIGHEST_ID, LOWEST_ID, Queries, first_id

MOST_EVENTS: Final = 10_000

# The bounds are rows, so that one index fits best, whatever PostgreSQL believes of an account.
_FIRST_OPEN = """(
            SELECT id, event_id, due_at FROM deliveries
            WHERE (account_id, is_only, ending, event_id) >= (:account, {is_only}, 0, {lowest})
              AND (account_id, is_only, ending, event_id) <= (:account, {is_only}, 0, {highest})
            ORDER BY account_id, is_only, ending, event_id LIMIT 1
        )"""
OLDEST_WAITING: Final = f"""
    SELECT oldest.id, oldest.event_id, oldest.due_at, events.created_at
    FROM (
        {_FIRST_OPEN.format(is_only="true", lowest=LOWEST_ID, highest=HIGHEST_ID)}
        UNION ALL {_FIRST_OPEN.format(is_only="false", lowest=LOWEST_ID, highest=HIGHEST_ID)}
    ) AS oldest
    JOIN events ON events.id = oldest.event_id
    ORDER BY oldest.event_id LIMIT 1
"""  # noqa: S608 - only numbers of our own are written into it

EVENTS_SINCE: Final = f"""
    SELECT count(*) AS counted FROM (
        SELECT FROM events
        WHERE (account_id, id) >= (:account, CAST(:first AS uuid)) AND (account_id, id) <= (:account, {HIGHEST_ID})
        ORDER BY account_id DESC, id DESC LIMIT :most
    ) AS lately
"""  # noqa: S608 - as above

# OFFSET keeps the sub-select from being joined otherwise: webhook by webhook, each from a place in the index on.
NEEDS_ATTENTION: Final = f"""
    WITH theirs AS MATERIALIZED (
        SELECT id, url, description, status AS webhook_status, disabled_reason, status = 'disabled' AS is_disabled
        FROM webhooks WHERE account_id = :account AND deleted_at IS NULL AND NOT is_listen
    ), worst AS (
        SELECT theirs.*, day.*
        FROM theirs CROSS JOIN LATERAL (
            SELECT coalesce(sum(attempts), 0) AS made, coalesce(sum(delivered), 0) AS delivered,
                   coalesce(sum(given_up), 0) AS given_up
            FROM (
                SELECT * FROM webhook_statistics
                WHERE webhook_id = theirs.id AND bucket > flux_now() - interval '24 hours' OFFSET 0
            ) AS rolled_up
        ) AS day
        WHERE CASE WHEN is_disabled THEN disabled_reason IS DISTINCT FROM :by_hand
                   ELSE given_up > 0 OR made > 2 * delivered END
        ORDER BY is_disabled DESC, given_up DESC, made - delivered DESC, id
        LIMIT :limit
    )
    SELECT worst.id AS webhook_id, url, description, webhook_status, disabled_reason, made, delivered, given_up, last.*
    FROM worst LEFT JOIN {last_failure_of("worst")} ON true
    ORDER BY is_disabled DESC, given_up DESC, made - delivered DESC, worst.id
"""  # noqa: S608 - as above


class OverviewQueries(Queries):
    """Reads what an account is told first."""

    async def oldest_waiting(self, account: AccountId) -> OldestWaiting | None:
        """Return the open delivery whose event is the oldest; None when nothing is open."""
        for row in await self._rows(OLDEST_WAITING, account, {}):
            return OldestWaiting(
                delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)),
                event=cast(EventId, format_id(Prefix.EVENT, row.event_id.hex)),
                created_at=row.created_at,
                due_at=row.due_at,
            )
        return None

    async def events_since(self, account: AccountId, since: datetime, most: int = MOST_EVENTS) -> int:
        """Return how many events were made at this time or later; `most` says that it is as many, or more."""
        (row,) = await self._rows(EVENTS_SINCE, account, {"first": first_id(since, 0), "most": most})
        return int(row.counted)

    async def needs_attention(self, account: AccountId, limit: int = 5) -> list[NeedsAttention]:
        """Return webhooks that were disabled for a reason or fail, the worst first, up to a second behind.

        One fails that has a final failure, or more failed attempts than others, within 24 hours; tests count as
        attempts. What somebody disabled by hand, saying no more, needs no attention.
        """
        rows = await self._rows(NEEDS_ATTENTION, account, {"limit": limit, "by_hand": BY_HAND})
        return [_attention_from_row(row) for row in rows]


def _attention_from_row(row: Row[Any]) -> NeedsAttention:
    return NeedsAttention(
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        url=row.url,
        description=row.description,
        status=Status(row.webhook_status),
        disabled_reason=row.disabled_reason,
        day=Counts(row.made, row.delivered, row.given_up),
        last_failure=last_failure_from_row(row) if row.delivery_id else None,
    )
