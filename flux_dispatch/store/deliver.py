"""The statements behind deliver: claim, settle, release; one each, fenced by the lease token."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import randrange
from typing import Any, Final, assert_never, cast
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.claim import Claim, ClaimedBatch, ParkedWebhook, Release, Settlement
from flux_dispatch.domain.delivery import State, Transition, sources, target
from flux_dispatch.domain.errors import CannotUnseal, Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.outcome import to_record
from flux_dispatch.domain.phases import NO_PHASES, Phases
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.domain.statistics import SHARDS
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import DriverStatement
from flux_dispatch.store.sealed_webhooks import UNSEAL_PAUSE, UnsealLog, WebhookSeals
from flux_dispatch.store.statistics import COUNT_ATTEMPTS

MAX_BYTES_IN_ONE_CLAIM: Final = 16 * 2**20
"""Of bodies, each counted once, however many webhooks its event goes to; the first one is claimed whatever it weighs.
"""

# The conditions inside coalesce are hidden from PostgreSQL's planner: they are those of indexes that hold a part of
# their tables. Made while it knew of few such rows, its plan would read such an index from end to end for each
# delivery.
_DUE = """
        SELECT deliveries.id, deliveries.event_id, webhooks.url, webhooks.secrets, webhooks.headers,
               webhooks.sealed_secrets, webhooks.secrets_expire_at, webhooks.sealed_headers, events.body,
               deliveries.webhook_id = ANY(CAST(:saturated AS uuid[])) AS is_parked
        FROM deliveries
        JOIN webhooks ON webhooks.id = deliveries.webhook_id
        JOIN events ON events.id = deliveries.event_id
        WHERE deliveries.id = ANY(CAST(:ids AS uuid[]))
          AND deliveries.state = ANY(CAST(:from AS text[]))
          AND deliveries.due_at <= flux_now() + :slack
          AND coalesce(deliveries.sweep_at < 'infinity', false)
          AND webhooks.status = 'enabled' AND coalesce(webhooks.deleted_at IS NULL, false)
        FOR NO KEY UPDATE OF deliveries SKIP LOCKED
"""

_PARKED = """
        SELECT parked.id, parked.event_id, webhooks.url, webhooks.secrets, webhooks.headers,
               webhooks.sealed_secrets, webhooks.secrets_expire_at, webhooks.sealed_headers, events.body,
               false AS is_parked
        FROM unnest(CAST(:webhooks AS uuid[]), CAST(:places AS int[])) AS wanted (webhook, places)
        JOIN webhooks ON webhooks.id = wanted.webhook
        CROSS JOIN LATERAL (
            SELECT id, event_id FROM deliveries
            WHERE sweep_at = 'infinity' AND webhook_id = wanted.webhook
              AND coalesce(state = ANY(CAST(:from AS text[])), false)
            ORDER BY due_at, id
            LIMIT wanted.places
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS parked
        JOIN events ON events.id = parked.event_id
        WHERE webhooks.status = 'enabled' AND coalesce(webhooks.deleted_at IS NULL, false)
"""

# Of several deliveries of one event only the first copy carries the body, and once the bodies weigh enough the rest is
# left out: it is returned as it was. What its webhook has no place for is parked in the same statement.
_TAKE = """
    WITH mine AS (
        :mine:
    ), numbered AS (
        SELECT mine.*, row_number() OVER (PARTITION BY event_id ORDER BY is_parked, id) AS copy FROM mine
    ), weighed AS (
        SELECT numbered.*,
               coalesce(sum(CASE WHEN copy = 1 THEN octet_length(body) ELSE 0 END) OVER (
                   ORDER BY event_id, copy ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ), 0) < :most_bytes AND NOT is_parked AS is_taken
        FROM numbered
    ), taken AS (
        UPDATE deliveries
        SET state = CASE WHEN is_taken THEN :to ELSE deliveries.state END,
            lease_token = CASE WHEN is_taken THEN CAST(:lease_token AS uuid) END,
            leased_until = CASE WHEN is_taken THEN flux_now() + :lease END,
            sweep_at = CASE
                WHEN is_parked THEN 'infinity'
                WHEN is_taken AND deliveries.sweep_at = 'infinity'
                    THEN flux_second(flux_now() + :lease + interval '0.999999 seconds')
                ELSE deliveries.sweep_at
            END
        FROM weighed
        WHERE deliveries.id = weighed.id
        RETURNING deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.account_id, deliveries.attempts,
                  extract(epoch FROM deliveries.due_at - flux_now())::float8 AS wait_seconds,
                  weighed.url, weighed.secrets, weighed.headers::text,
                  weighed.sealed_secrets, weighed.secrets_expire_at, weighed.sealed_headers,
                  CASE WHEN is_taken AND copy = 1 THEN weighed.body END AS body, is_taken, is_parked,
                  deliveries.recovered_after
    )
    SELECT taken.*, flux_now() AS at FROM taken WHERE NOT is_parked
"""
_CLAIM = DriverStatement(_TAKE.replace(":mine:", _DUE))
_CLAIM_PARKED = DriverStatement(_TAKE.replace(":mine:", _PARKED))

_PARKED_WEBHOOKS = DriverStatement("""
    WITH RECURSIVE parked AS (
        (
            SELECT webhook_id, 1 AS number FROM deliveries
            WHERE sweep_at = 'infinity' AND webhook_id > CAST(:after AS uuid)
            ORDER BY webhook_id LIMIT 1
        )
        UNION ALL
        SELECT following.webhook_id, parked.number + 1
        FROM parked CROSS JOIN LATERAL (
            SELECT webhook_id FROM deliveries
            WHERE sweep_at = 'infinity' AND webhook_id > parked.webhook_id
            ORDER BY webhook_id LIMIT 1
        ) AS following
        WHERE parked.number < :most
    )
    SELECT webhooks.id, webhooks.account_id, webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL AS is_enabled
    FROM parked JOIN webhooks ON webhooks.id = parked.webhook_id
    ORDER BY webhooks.id
""")

# For the sweeper to cancel.
_UNPARK = DriverStatement("""
    UPDATE deliveries SET sweep_at = flux_second(flux_now())
    WHERE id IN (
        SELECT id FROM deliveries WHERE sweep_at = 'infinity' AND webhook_id = ANY(CAST(:webhooks AS uuid[]))
        LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
    )
""")

# The ids stand beside the join, and the state inside coalesce, for the sake of PostgreSQL's planner. Its statistics say
# that hardly any row is being sent (or was, when they were made): it would read all rows to find those few first, and
# compare each of them with each result. So it goes by the ids, and does not know how rare the state is.
_SETTLE_THESE = f"""
    WITH result AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:lease_tokens AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
            CAST(:delays AS interval[]), CAST(:sweeps AS interval[]), CAST(:numbers AS smallint[]),
            CAST(:durations AS real[]), CAST(:statuses AS smallint[]), CAST(:errors AS text[]),
            CAST(:details AS text[]), CAST(:phases AS text[]), CAST(:response_headers AS jsonb[])
        ) AS r (
            id, lease_token, state, reason, delay, sweep, number, duration_seconds, status, error, detail,
            phases, response_headers
        )
    ), moved AS (
        UPDATE deliveries
        SET state = result.state, reason = result.reason, attempts = result.number, rescues = 0,
            lease_token = NULL, leased_until = NULL,
            due_at = flux_now() + result.delay,
            sweep_at = flux_second(flux_now() + result.sweep),
            ended_at = CASE WHEN result.state = :delivered THEN flux_now() END
        FROM result
        WHERE deliveries.id = ANY(:these:)
          AND deliveries.id = result.id AND deliveries.lease_token = result.lease_token
          AND coalesce(deliveries.state = ANY(CAST(:from AS text[])), false)
        RETURNING deliveries.id, deliveries.webhook_id, result.state, result.duration_seconds
    ), counted AS (
        {COUNT_ATTEMPTS}
    ), noted AS (
        INSERT INTO attempts (
            delivery_id, number, duration_seconds, ended_at, status, error, detail, phases, response_headers
        )
        SELECT id, number, result.duration_seconds, flux_now(), status, error, detail,
               CAST(phases AS real[]), response_headers
        FROM result JOIN moved USING (id)
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM moved
"""  # noqa: S608 - only a statement of our own is written into it
_SETTLE = DriverStatement(_SETTLE_THESE.replace(":these:", "CAST(:ids AS uuid[])"))
# The same for those rows only that nobody else has locked: it waits for none.
_SETTLE_UNLOCKED = DriverStatement(
    _SETTLE_THESE.replace(
        ":these:",
        "ARRAY(SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED)",
    )
)
_STILL_LEASED = DriverStatement("""
    SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS uuid[])) AND lease_token = ANY(CAST(:lease_tokens AS uuid[]))
""")

_RELEASE = DriverStatement("""
    UPDATE deliveries
    SET state = :to, lease_token = NULL, leased_until = NULL,
        due_at = coalesce(flux_now() + released.pause, deliveries.due_at),
        sweep_at = coalesce(flux_second(flux_now() + released.pause), 'infinity')
    FROM unnest(CAST(:ids AS uuid[]), CAST(:lease_tokens AS uuid[]), CAST(:pauses AS interval[]))
        AS released (id, lease_token, pause)
    WHERE deliveries.id = ANY(CAST(:ids AS uuid[]))
      AND deliveries.id = released.id AND deliveries.lease_token = released.lease_token
      AND coalesce(deliveries.state = ANY(CAST(:from AS text[])), false)
    RETURNING deliveries.id
""")


@dataclass(frozen=True, slots=True)
class _Next:
    """What a settlement writes: when the next attempt is due, and when the sweeper must come, counted from now."""

    state: State
    reason: str | None = None
    delay: timedelta | None = None
    sweep: timedelta | None = None


class DeliveryStore:
    """Moves deliveries through an attempt."""

    def __init__(self, database: AsyncEngine, timing: Timing, seals: WebhookSeals) -> None:
        self._database = database
        self._timing = timing
        self._seals = seals
        self._unseal_log = UnsealLog()
        self._shard = randrange(SHARDS)  # noqa: S311 - not secret

    async def claim(self, deliveries: Sequence[DeliveryId], saturated: Sequence[WebhookId] = ()) -> ClaimedBatch | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is.

        What another claims at the same moment is skipped, never waited for. What is due for a saturated webhook is
        parked. What is for a webhook whose secrets or headers do not open is given back, and rests.
        """
        lease_token = uuid4().hex
        parameters = {
            "ids": [parse_id(Prefix.DELIVERY, each) for each in deliveries],
            "saturated": [parse_id(Prefix.WEBHOOK, each) for each in saturated],
            "from": sources(Transition.CLAIM),
            "to": target(Transition.CLAIM),
            "lease_token": lease_token,
            "slack": self._timing.slack,
            "lease": self._timing.lease,
            "most_bytes": MAX_BYTES_IN_ONE_CLAIM,
        }
        return await self._leased(await _CLAIM.rows(self._database, parameters), lease_token)

    async def parked_webhooks(self, after: WebhookId, limit: int) -> list[ParkedWebhook]:
        """Return up to `limit` webhooks for which deliveries are parked, in the order of their ids."""
        parameters = {"after": parse_id(Prefix.WEBHOOK, after), "most": limit}
        return [_parked_webhook(row) for row in await _PARKED_WEBHOOKS.rows(self._database, parameters)]

    async def claim_parked(self, places: Mapping[WebhookId, int]) -> ClaimedBatch | None:
        """Lease up to so many of the deliveries that are parked for each webhook, the longest due first."""
        lease_token = uuid4().hex
        parameters = {
            "webhooks": [parse_id(Prefix.WEBHOOK, each) for each in places],
            "places": list(places.values()),
            "from": sources(Transition.CLAIM),
            "to": target(Transition.CLAIM),
            "lease_token": lease_token,
            "lease": self._timing.lease,
            "most_bytes": MAX_BYTES_IN_ONE_CLAIM,
        }
        return await self._leased(await _CLAIM_PARKED.rows(self._database, parameters), lease_token)

    async def unpark(self, webhooks: Sequence[WebhookId], limit: int) -> None:
        """Have the sweeper take up to `limit` of the deliveries that are parked for these webhooks."""
        parameters = {"webhooks": [parse_id(Prefix.WEBHOOK, each) for each in webhooks], "most": limit}
        await _UNPARK.rows(self._database, parameters)

    async def _leased(self, rows: list[asyncpg.Record], lease_token: str) -> ClaimedBatch | None:
        if not rows:
            return None
        taken = [row for row in rows if row["is_taken"]]
        copies = Counter(row["event_id"] for row in taken)
        bodies = {row["event_id"]: row["body"] for row in taken if row["body"] is not None}
        claims: list[Claim] = []
        shut: list[Release] = []
        for row in taken:
            event = row["event_id"]
            try:
                claims.append(_claim_from_row(row, lease_token, bodies[event], copies[event], self._seals))
            except CannotUnseal as error:
                shut.append(Release(_delivery_id(row["id"]), lease_token, UNSEAL_PAUSE))
                self._unseal_log.note(error)
        if shut:
            # if it fails they keep their leases, which end by themselves; the others are sent now in any case
            with suppress(Unavailable):
                await self.release(shut)
        left_out = tuple(_delivery_id(row["id"]) for row in rows if not row["is_taken"])
        return ClaimedBatch(rows[0]["at"], self._timing.lease.total_seconds(), tuple(claims), left_out)

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        """Write the ends of attempts; return those whose lease still held. The others changed nothing."""
        return _delivery_ids(await _SETTLE.rows(self._database, self._settle_parameters(settlements)))

    async def settle_unlocked(self, settlements: Sequence[Settlement]) -> tuple[set[DeliveryId], set[DeliveryId]]:
        """Write the ends of those attempts whose rows nobody else has locked.

        Returns:
            Those whose lease still held, and those that must be tried again, for theirs holds, too.
        """
        parameters = self._settle_parameters(settlements)
        moved = _delivery_ids(await _SETTLE_UNLOCKED.rows(self._database, parameters))
        if len(moved) == len(settlements):
            return moved, set()
        return moved, _delivery_ids(await _STILL_LEASED.rows(self._database, parameters))

    def _settle_parameters(self, settlements: Sequence[Settlement]) -> dict[str, Any]:
        return {
            **self._columns(settlements),
            "from": [State.SENDING],
            "delivered": State.DELIVERED,
            "shard": self._shard,
        }

    def _columns(self, settlements: Sequence[Settlement]) -> dict[str, list[Any]]:
        follows = [self._what_follows(each.decision) for each in settlements]
        records = [to_record(each.attempt.outcome) for each in settlements]
        return {
            "ids": [parse_id(Prefix.DELIVERY, each.delivery) for each in settlements],
            "lease_tokens": [each.lease_token for each in settlements],
            "states": [each.state for each in follows],
            "reasons": [each.reason for each in follows],
            "delays": [each.delay for each in follows],
            "sweeps": [each.sweep for each in follows],
            "numbers": [each.attempt.number for each in settlements],
            "durations": [each.attempt.duration_seconds for each in settlements],
            "statuses": [record.status for record in records],
            "errors": [record.error for record in records],
            "details": [record.detail or None for record in records],
            "phases": [_as_array(record.phases) for record in records],
            "response_headers": [json.dumps(record.headers) if record.headers else None for record in records],
        }

    def _what_follows(self, decision: Decision) -> "_Next":
        match decision:
            case Done():
                return _Next(target(Transition.SUCCEED))
            case RetryAfter(delay):
                return _Next(target(Transition.RETRY), delay=delay, sweep=self._timing.sweep_after(delay))
            case GiveUp(reason):
                return _Next(target(Transition.EXHAUST), reason=reason, sweep=self._timing.enqueue_grace)
            case _:
                assert_never(decision)

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        """Give leases back; return those whose lease still held. The others are left alone."""
        parameters = {
            "ids": [parse_id(Prefix.DELIVERY, each.delivery) for each in releases],
            "lease_tokens": [each.lease_token for each in releases],
            "pauses": [each.pause for each in releases],
            "from": sources(Transition.RELEASE),
            "to": target(Transition.RELEASE),
        }
        return _delivery_ids(await _RELEASE.rows(self._database, parameters))


def _as_array(phases: Phases) -> str | None:
    """Return the text of a PostgreSQL array; None where nothing was measured that is worth a note."""
    if phases is NO_PHASES:
        return None
    seconds = ",".join("NULL" if each is None else f"{each:.6g}" for each in phases)
    return f"{{{seconds}}}"


def _claim_from_row(row: asyncpg.Record, lease_token: str, body: bytes, copies: int, seals: WebhookSeals) -> Claim:
    delivery, event, webhook, account, attempts, wait_seconds, url, secrets, headers, *rest = row
    sealed_secrets, expire_at, sealed_headers, *_ = rest
    return Claim(
        delivery=_delivery_id(delivery),
        event=cast(EventId, format_id(Prefix.EVENT, event.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, webhook.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, account.hex)),
        lease_token=lease_token,
        attempt=attempts + 1,
        wait_seconds=wait_seconds,
        url=url,
        secrets=seals.secrets(webhook, secrets, sealed_secrets, expire_at, row["at"]),
        headers=seals.headers(webhook, _NO_HEADERS if headers == "{}" else json.loads(headers), sealed_headers),
        body=body,
        bytes_held=len(body) // copies,
        recovered_after=row["recovered_after"],
    )


def _delivery_id(value: UUID) -> DeliveryId:
    return cast(DeliveryId, format_id(Prefix.DELIVERY, value.hex))


def _parked_webhook(row: asyncpg.Record) -> ParkedWebhook:
    webhook, account, is_enabled = row
    return ParkedWebhook(
        cast(WebhookId, format_id(Prefix.WEBHOOK, webhook.hex)),
        cast(AccountId, format_id(Prefix.ACCOUNT, account.hex)),
        is_enabled=is_enabled,
    )


def _delivery_ids(moved: Iterable[asyncpg.Record]) -> set[DeliveryId]:
    return {_delivery_id(each["id"]) for each in moved}


_NO_HEADERS: Mapping[str, str] = {}
