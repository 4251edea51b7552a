"""The statements behind deliver: claim, settle, release; one each, fenced by the lease token."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.claim import Claim, ClaimedBatch, ParkedWebhook, Release, Settlement
from flux_dispatch.domain.delivery import Transition, sources, target
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import DriverStatement
from flux_dispatch.store.known_webhooks import KnownForClaim, KnownWebhook, KnownWebhooks, version_in
from flux_dispatch.store.sealed_webhooks import UNSEAL_PAUSE, UnsealLog, WebhookSeals
from flux_dispatch.store.settlements import SETTLE, SETTLE_UNLOCKED, STILL_LEASED, settle_parameters

MAX_BYTES_IN_ONE_CLAIM: Final = 16 * 2**20
"""Of bodies, each counted once, however many webhooks its event goes to; the first one is claimed whatever it weighs.
"""

# The conditions inside coalesce are hidden from PostgreSQL's planner: they are those of indexes that hold a part of
# their tables. Made while it knew of few such rows, its plan would read such an index from end to end for each
# delivery.
_DUE = """
        SELECT deliveries.id, deliveries.event_id, webhooks.xmin AS written_by,
               date_part('epoch', webhooks.updated_at) AS updated_seconds, events.body,
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
        SELECT parked.id, parked.event_id, webhooks.xmin AS written_by,
               date_part('epoch', webhooks.updated_at) AS updated_seconds, events.body,
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
# left out: it is returned as it was. What its webhook has no place for is parked in the same statement. Both windows
# have one order, for which PostgreSQL sorts once. What is parked is returned, too: to leave it out here would have
# PostgreSQL put all bodies aside first. Times come as seconds, which the driver reads ten times as fast.
_TAKE = """
    WITH mine AS (
        :mine:
    ), numbered AS (
        SELECT mine.*, row_number() OVER (PARTITION BY event_id ORDER BY is_parked, id) AS copy FROM mine
    ), weighed AS (
        SELECT numbered.*,
               coalesce(sum(CASE WHEN copy = 1 THEN octet_length(body) ELSE 0 END) OVER (
                   ORDER BY event_id, is_parked, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ), 0) < :most_bytes AND NOT is_parked AS is_taken
        FROM numbered
    )
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
    RETURNING deliveries.id, deliveries.event_id, deliveries.webhook_id, deliveries.attempts,
              deliveries.recovered_after, date_part('epoch', deliveries.due_at - flux_now()) AS wait_seconds,
              written_by, updated_seconds, CASE WHEN is_taken AND copy = 1 THEN weighed.body END AS body,
              is_taken, is_parked, date_part('epoch', flux_now()) AS at_seconds
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
class _Lease:
    """What all claims of a batch share; `at` is the database's clock."""

    token: str
    at: datetime


class DeliveryStore:
    """Moves deliveries through an attempt."""

    def __init__(self, database: AsyncEngine, timing: Timing, seals: WebhookSeals) -> None:
        self._database = database
        self._timing = timing
        self._webhooks = KnownWebhooks(database, seals)
        self._unseal_log = UnsealLog()

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

    async def _leased(self, returned: list[asyncpg.Record], lease_token: str) -> ClaimedBatch | None:
        rows = [row for row in returned if not row["is_parked"]]
        if not rows:
            return None
        lease = _Lease(lease_token, datetime.fromtimestamp(rows[0]["at_seconds"], UTC))
        taken = [row for row in rows if row["is_taken"]]
        webhooks = await self._webhooks.get({row["webhook_id"]: version_in(row) for row in taken})
        bodies = {row["event_id"]: row["body"] for row in taken if row["body"] is not None}
        copies = Counter(row["event_id"] for row in taken)
        claims: list[Claim] = []
        unsent: list[asyncpg.Record] = []
        for row in taken:
            webhook = webhooks.known.get(row["webhook_id"])
            if webhook is None:
                unsent.append(row)
            else:
                event = row["event_id"]
                claims.append(_claim_from_row(row, lease, webhook, bodies[event], copies[event]))
        if unsent:
            await self._give_back(unsent, lease_token, webhooks)
        left_out = tuple(_delivery_id(row["id"]) for row in rows if not row["is_taken"])
        return ClaimedBatch(lease.at, self._timing.lease.total_seconds(), tuple(claims), left_out)

    async def _give_back(self, unsent: Sequence[asyncpg.Record], lease_token: str, webhooks: KnownForClaim) -> None:
        """Release what cannot be sent, as far as it is known why.

        What could not be read keeps its lease, which ends by itself: the database is not there to end it, and to try
        would have the others wait, whose leases run.
        """
        releases: list[Release] = []
        for row in unsent:
            webhook = row["webhook_id"]
            if webhook in webhooks.gone:
                releases.append(Release(_delivery_id(row["id"]), lease_token, timedelta(0)))  # to be canceled
            elif webhook in webhooks.shut:
                releases.append(Release(_delivery_id(row["id"]), lease_token, UNSEAL_PAUSE))
                self._unseal_log.note(webhooks.shut[webhook])
        if releases:
            # if it fails they keep their leases, too; the others are sent now in any case
            with suppress(Unavailable):
                await self.release(releases)

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        """Write the ends of attempts; return those whose lease still held. The others changed nothing."""
        return _delivery_ids(await SETTLE.rows(self._database, settle_parameters(settlements, self._timing)))

    async def settle_unlocked(self, settlements: Sequence[Settlement]) -> tuple[set[DeliveryId], set[DeliveryId]]:
        """Write the ends of those attempts whose rows nobody else has locked.

        Returns:
            Those whose lease still held, and those that must be tried again, for theirs holds, too.
        """
        parameters = settle_parameters(settlements, self._timing)
        moved = _delivery_ids(await SETTLE_UNLOCKED.rows(self._database, parameters))
        if len(moved) == len(settlements):
            return moved, set()
        return moved, _delivery_ids(await STILL_LEASED.rows(self._database, parameters))

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


def _claim_from_row(row: asyncpg.Record, lease: _Lease, webhook: KnownWebhook, body: bytes, copies: int) -> Claim:
    delivery, event, _, attempts, recovered_after, wait_seconds, *_ = row
    return Claim(
        delivery=_delivery_id(delivery),
        event=cast(EventId, format_id(Prefix.EVENT, event.hex)),
        webhook=webhook.id,
        account=webhook.account,
        lease_token=lease.token,
        attempt=attempts + 1,
        wait_seconds=wait_seconds,
        url=webhook.url,
        secrets=webhook.secrets_at(lease.at),
        headers=webhook.headers,
        body=body,
        bytes_held=len(body) // copies,
        recovered_after=recovered_after,
        is_listen=webhook.is_listen,
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
