"""The statements behind deliver: claim, settle, release; one each, fenced by the token."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never, cast
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.claim import Claim, Lease, ParkedWebhook, Release, Settlement
from flux_dispatch.domain.delivery import Move, State, sources, target
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, public_id, uuid_hex
from flux_dispatch.domain.outcome import recorded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.store.connect import HotStatement
from flux_dispatch.store.timing import Timing

# What its webhook has no place for is parked instead, in the same statement.
_CLAIM = HotStatement("""
    WITH mine AS (
        SELECT deliveries.id, webhooks.url, webhooks.secrets, webhooks.headers,
               deliveries.webhook_id = ANY(CAST(:saturated AS uuid[])) AS is_parked
        FROM deliveries
        JOIN webhooks ON webhooks.id = deliveries.webhook_id
        WHERE deliveries.id = ANY(CAST(:ids AS uuid[]))
          AND deliveries.state = ANY(CAST(:from AS text[]))
          AND deliveries.due_at <= flux_now() + :slack
          AND deliveries.wake_at < 'infinity'
          AND webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL
        FOR NO KEY UPDATE OF deliveries SKIP LOCKED
    ), claimed AS (
        UPDATE deliveries
        SET state = CASE WHEN mine.is_parked THEN deliveries.state ELSE :to END,
            token = CASE WHEN NOT mine.is_parked THEN CAST(:token AS uuid) END,
            leased_until = CASE WHEN NOT mine.is_parked THEN flux_now() + :lease END,
            wake_at = CASE WHEN mine.is_parked THEN 'infinity' ELSE deliveries.wake_at END
        FROM mine
        WHERE deliveries.id = mine.id
        RETURNING deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.account_id, deliveries.attempts,
                  extract(epoch FROM deliveries.due_at - flux_now())::float8 AS wait_seconds,
                  mine.url, mine.secrets, mine.headers::text, mine.is_parked
    )
    SELECT claimed.id, event_id, webhook_id, claimed.account_id, attempts, wait_seconds, url, secrets, headers,
           events.body, flux_now() AS at
    FROM claimed JOIN events ON events.id = claimed.event_id
    WHERE NOT is_parked
""")

_PARKED_WEBHOOKS = HotStatement("""
    WITH RECURSIVE parked AS (
        (
            SELECT webhook_id, 1 AS number FROM deliveries
            WHERE wake_at = 'infinity' AND webhook_id > CAST(:after AS uuid)
            ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT following.webhook_id, parked.number + 1
        FROM parked CROSS JOIN LATERAL (
            SELECT webhook_id FROM deliveries
            WHERE wake_at = 'infinity' AND webhook_id > parked.webhook_id
            ORDER BY webhook_id LIMIT 1
        ) AS following
        WHERE parked.number < :most
    )
    SELECT webhooks.id, webhooks.account_id, webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL AS is_enabled
    FROM parked JOIN webhooks ON webhooks.id = parked.webhook_id
    ORDER BY webhooks.id
""")

_CLAIM_PARKED = HotStatement("""
    WITH mine AS (
        SELECT parked.id, webhooks.url, webhooks.secrets, webhooks.headers
        FROM unnest(CAST(:webhooks AS uuid[]), CAST(:places AS int[])) AS wanted (webhook, places)
        JOIN webhooks ON webhooks.id = wanted.webhook
        CROSS JOIN LATERAL (
            SELECT id FROM deliveries
            WHERE wake_at = 'infinity' AND webhook_id = wanted.webhook
              AND coalesce(state = ANY(CAST(:from AS text[])), false)
            ORDER BY due_at, id
            LIMIT wanted.places
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS parked
        WHERE webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL
    ), claimed AS (
        UPDATE deliveries
        SET state = :to, token = CAST(:token AS uuid), leased_until = flux_now() + :lease,
            wake_at = flux_second(flux_now() + :lease + interval '0.999999 seconds')
        FROM mine
        WHERE deliveries.id = mine.id
        RETURNING deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.account_id, deliveries.attempts,
                  0::float8 AS wait_seconds, mine.url, mine.secrets, mine.headers::text
    )
    SELECT claimed.id, event_id, webhook_id, claimed.account_id, attempts, wait_seconds, url, secrets, headers,
           events.body, flux_now() AS at
    FROM claimed JOIN events ON events.id = claimed.event_id
""")

# For the planner to cancel.
_UNPARK = HotStatement("""
    UPDATE deliveries SET wake_at = flux_second(flux_now())
    WHERE id IN (
        SELECT id FROM deliveries WHERE wake_at = 'infinity' AND webhook_id = ANY(CAST(:webhooks AS uuid[]))
        LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
    )
""")

# The ids stand beside the join, and the state inside coalesce, for the planner's sake. Its statistics say that hardly
# any row is being sent (or was, when they were made): it would read all rows to find those few first, and compare each
# of them with each result. So it goes by the ids, and does not know how rare the state is.
_SETTLE = HotStatement("""
    WITH result AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:tokens AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
            CAST(:delays AS interval[]), CAST(:wakes AS interval[]), CAST(:numbers AS smallint[]),
            CAST(:durations AS real[]), CAST(:statuses AS smallint[]), CAST(:errors AS text[]), CAST(:details AS text[])
        ) AS r (id, token, state, reason, delay, wake, number, duration_seconds, status, error, detail)
    ), moved AS (
        UPDATE deliveries
        SET state = result.state, reason = result.reason, attempts = result.number, rescues = 0,
            token = NULL, leased_until = NULL,
            due_at = flux_now() + result.delay,
            wake_at = flux_second(flux_now() + result.wake),
            ended_at = CASE WHEN result.state = :delivered THEN flux_now() END
        FROM result
        WHERE deliveries.id = ANY(CAST(:ids AS uuid[]))
          AND deliveries.id = result.id AND deliveries.token = result.token
          AND coalesce(deliveries.state = ANY(CAST(:from AS text[])), false)
        RETURNING deliveries.id
    ), noted AS (
        INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail)
        SELECT id, number, duration_seconds, flux_now(), status, error, detail FROM result JOIN moved USING (id)
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM moved
""")

_RELEASE = HotStatement("""
    UPDATE deliveries
    SET state = :to, token = NULL, leased_until = NULL,
        due_at = coalesce(flux_now() + released.pause, deliveries.due_at),
        wake_at = coalesce(flux_second(flux_now() + released.pause), 'infinity')
    FROM unnest(CAST(:ids AS uuid[]), CAST(:tokens AS uuid[]), CAST(:pauses AS interval[]))
        AS released (id, token, pause)
    WHERE deliveries.id = ANY(CAST(:ids AS uuid[]))
      AND deliveries.id = released.id AND deliveries.token = released.token
      AND coalesce(deliveries.state = ANY(CAST(:from AS text[])), false)
    RETURNING deliveries.id
""")


@dataclass(frozen=True, slots=True)
class _Next:
    """What a settlement writes: when the next attempt is due, and when the planner must look, counted from now."""

    state: State
    reason: str | None = None
    delay: timedelta | None = None
    wake: timedelta | None = None


class DeliveryStore:
    """Moves deliveries through an attempt."""

    def __init__(self, database: AsyncEngine, timing: Timing) -> None:
        self._database = database
        self._timing = timing

    async def claim(self, deliveries: Sequence[DeliveryId], saturated: Sequence[WebhookId] = ()) -> Lease | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is.

        What another claims at the same moment is skipped, never waited for. What is due for a saturated webhook is
        parked.
        """
        token = uuid4().hex
        parameters = {
            "ids": [uuid_hex(Prefix.DELIVERY, each) for each in deliveries],
            "saturated": [uuid_hex(Prefix.WEBHOOK, each) for each in saturated],
            "from": sources(Move.CLAIM),
            "to": target(Move.CLAIM),
            "token": token,
            "slack": self._timing.slack,
            "lease": self._timing.lease,
        }
        return self._leased(await _CLAIM.rows(self._database, parameters), token)

    async def parked_webhooks(self, after: WebhookId, limit: int) -> list[ParkedWebhook]:
        """Return up to `limit` webhooks for which deliveries are parked, in the order of their ids."""
        parameters = {"after": uuid_hex(Prefix.WEBHOOK, after), "most": limit}
        return [_parked_webhook(row) for row in await _PARKED_WEBHOOKS.rows(self._database, parameters)]

    async def claim_parked(self, places: Mapping[WebhookId, int]) -> Lease | None:
        """Lease up to so many of the deliveries that are parked for each webhook, the longest due first."""
        token = uuid4().hex
        parameters = {
            "webhooks": [uuid_hex(Prefix.WEBHOOK, each) for each in places],
            "places": list(places.values()),
            "from": sources(Move.CLAIM),
            "to": target(Move.CLAIM),
            "token": token,
            "lease": self._timing.lease,
        }
        return self._leased(await _CLAIM_PARKED.rows(self._database, parameters), token)

    async def unpark(self, webhooks: Sequence[WebhookId], limit: int) -> None:
        """Have the planner look at up to `limit` of the deliveries that are parked for these webhooks."""
        parameters = {"webhooks": [uuid_hex(Prefix.WEBHOOK, each) for each in webhooks], "most": limit}
        await _UNPARK.rows(self._database, parameters)

    def _leased(self, rows: list[asyncpg.Record], token: str) -> Lease | None:
        if not rows:
            return None
        return Lease(rows[0]["at"], self._timing.lease.total_seconds(), tuple(_claim(row, token) for row in rows))

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        """Write the ends of attempts; return those whose token still held. The others changed nothing."""
        parameters = {
            **self._columns(settlements),
            "from": [State.SENDING],
            "delivered": State.DELIVERED,
        }
        return _delivery_ids(await _SETTLE.rows(self._database, parameters))

    def _columns(self, settlements: Sequence[Settlement]) -> dict[str, list[Any]]:
        follows = [self._what_follows(each.decision) for each in settlements]
        records = [recorded(each.attempt.outcome) for each in settlements]
        return {
            "ids": [uuid_hex(Prefix.DELIVERY, each.delivery) for each in settlements],
            "tokens": [each.token for each in settlements],
            "states": [each.state for each in follows],
            "reasons": [each.reason for each in follows],
            "delays": [each.delay for each in follows],
            "wakes": [each.wake for each in follows],
            "numbers": [each.attempt.number for each in settlements],
            "durations": [each.attempt.duration_seconds for each in settlements],
            "statuses": [record.status for record in records],
            "errors": [record.error for record in records],
            "details": [record.detail or None for record in records],
        }

    def _what_follows(self, decision: Decision) -> "_Next":
        match decision:
            case Done():
                return _Next(target(Move.SUCCEED))
            case RetryAfter(delay):
                return _Next(target(Move.RETRY), delay=delay, wake=self._timing.wake_after(delay))
            case GiveUp(reason):
                return _Next(target(Move.EXHAUST), reason=reason, wake=self._timing.grace)
            case _:
                assert_never(decision)

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        """Give leases back; return those whose token still held. The others are left alone."""
        parameters = {
            "ids": [uuid_hex(Prefix.DELIVERY, each.delivery) for each in releases],
            "tokens": [each.token for each in releases],
            "pauses": [each.pause for each in releases],
            "from": sources(Move.RELEASE),
            "to": target(Move.RELEASE),
        }
        return _delivery_ids(await _RELEASE.rows(self._database, parameters))


def _claim(row: asyncpg.Record, token: str) -> Claim:
    delivery, event, webhook, account, attempts, wait_seconds, url, secrets, headers, body, _ = row
    return Claim(
        delivery=cast(DeliveryId, public_id(Prefix.DELIVERY, delivery.hex)),
        event=cast(EventId, public_id(Prefix.EVENT, event.hex)),
        webhook=cast(WebhookId, public_id(Prefix.WEBHOOK, webhook.hex)),
        account=cast(AccountId, public_id(Prefix.ACCOUNT, account.hex)),
        token=token,
        attempt=attempts + 1,
        wait_seconds=wait_seconds,
        url=url,
        secrets=tuple(secrets),
        headers=_NO_HEADERS if headers == "{}" else json.loads(headers),
        body=body,
    )


def _parked_webhook(row: asyncpg.Record) -> ParkedWebhook:
    webhook, account, is_enabled = row
    return ParkedWebhook(
        cast(WebhookId, public_id(Prefix.WEBHOOK, webhook.hex)),
        cast(AccountId, public_id(Prefix.ACCOUNT, account.hex)),
        is_enabled=is_enabled,
    )


def _delivery_ids(moved: Iterable[asyncpg.Record]) -> set[DeliveryId]:
    return {cast(DeliveryId, public_id(Prefix.DELIVERY, each["id"].hex)) for each in moved}


_NO_HEADERS: Mapping[str, str] = {}
