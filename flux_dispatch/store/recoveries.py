"""Recoveries as they are asked for, canceled and read; what does them stands with the verb."""

import time
from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.errors import QueryTooSlow
from flux_dispatch.domain.ids import AccountId, Prefix, RecoveryId, WebhookId, format_id, parse_id
from flux_dispatch.domain.recovery import Missed, NotBegun, Recovery, RecoveryStatus, Span, StopReason
from flux_dispatch.domain.webhook import Status
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.missed import BEYOND, CANCELED, FAILED, NEVER_ATTEMPTED, place, time_of, whose
from flux_dispatch.store.pages import Page, Queries, behind

COUNT_STEP: Final = 100_000
"""How many events are looked through with one statement, which takes about a tenth of a second and 10 MB."""

COUNT_SECONDS: Final = 10
"""After this counting is given up; what recovers has no such bound."""

# What it recovers is looked for later; whether the webhook is still enabled then is looked at again.
_BEGIN = text("""
    INSERT INTO recoveries (account_id, webhook_id, since, until, position, status, recover_at)
    SELECT account_id, id, :since, :until, :position, :pending, flux_now()
    FROM webhooks
    WHERE id = :webhook AND account_id = :account AND deleted_at IS NULL AND status = :enabled
    ON CONFLICT (webhook_id) WHERE recover_at IS NOT NULL DO NOTHING
    RETURNING *
""")
_WHY_NOT = text("""
    SELECT status = :enabled AS is_enabled, (
        SELECT id FROM recoveries WHERE webhook_id = webhooks.id AND recover_at IS NOT NULL
    ) AS open
    FROM webhooks WHERE id = :webhook AND account_id = :account AND deleted_at IS NULL
""")

# Who cancels waits for a page that is being done, and no page follows.
_CANCEL = text("""
    UPDATE recoveries
    SET status = :canceled, reason = :reason, recover_at = NULL, ended_at = flux_now(), updated_at = flux_now()
    WHERE id = CAST(:id AS uuid) AND account_id = :account AND coalesce(recover_at IS NOT NULL, false)
""")
_NAME = text("SELECT coalesce(nullif(description, ''), url) FROM webhooks WHERE id = CAST(:webhook AS uuid)")
_RECOVERIES = "SELECT * FROM recoveries WHERE account_id = :account AND {where}"

_PATTERNS = "SELECT events FROM webhooks WHERE id = CAST(:id AS uuid) AND account_id = :account AND deleted_at IS NULL"
_COUNT = text(f"""
    SELECT (SELECT count(*) FROM ({FAILED}) AS ended) AS failed,
           (SELECT count(*) FROM ({CANCELED}) AS ended) AS canceled,
           (SELECT count(*) FROM ({NEVER_ATTEMPTED}) AS ids) AS never_attempted
""")  # noqa: S608 - ours


class RecoveryStore:
    """Writes what is asked for."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def begin(self, account: AccountId, webhook: WebhookId, span: Span) -> Recovery | NotBegun | None:
        """Store a recovery of an enabled webhook that has none which is not over; None: there is no such webhook."""
        which = {
            "account": UUID(parse_id(Prefix.ACCOUNT, account)),
            "webhook": UUID(parse_id(Prefix.WEBHOOK, webhook)),
            "enabled": Status.ENABLED,
        }
        wanted = {"since": span.since, "until": span.until, "position": place(span.since)}
        async with transaction(self._database) as connection:
            while True:  # the one in the way may end before it is read
                begun = await connection.execute(_BEGIN, which | wanted | {"pending": RecoveryStatus.PENDING})
                if row := begun.one_or_none():
                    recovery = _recovery_from_row(row)
                    await _note(connection, Action.RECOVERY_BEGUN, recovery)
                    return recovery
                found = (await connection.execute(_WHY_NOT, which)).one_or_none()
                if found is None:
                    return None
                if found.open or not found.is_enabled:
                    return NotBegun(_recovery_id(found.open) if found.is_enabled else None)

    async def cancel(self, account: AccountId, recovery: RecoveryId) -> Recovery | None:
        """End a recovery if it is not over, and return it as it stands then; None: there is none."""
        which = {"id": parse_id(Prefix.RECOVERY, recovery), "account": UUID(parse_id(Prefix.ACCOUNT, account))}
        end = {"canceled": RecoveryStatus.CANCELED, "reason": StopReason.REQUESTED}
        query = text(_RECOVERIES.format(where="id = CAST(:id AS uuid)"))
        async with transaction(self._database) as connection:
            canceled = (await connection.execute(_CANCEL, which | end)).rowcount
            row = (await connection.execute(query, which)).one_or_none()
            found = _recovery_from_row(row) if row else None
            if canceled and found:
                await _note(connection, Action.RECOVERY_CANCELED, found)
        return found


class RecoveryQueries(Queries):
    """Reads recoveries."""

    async def page(self, account: AccountId, page: Page, filters: Mapping[str, Any]) -> list[Recovery]:
        """Return recoveries; filters: webhook (a uuid in hex)."""
        query, parameters = recoveries_query(page, filters)
        return [_recovery_from_row(row) for row in await self._list(query, account, page, parameters)]

    async def get(self, account: AccountId, recovery: RecoveryId) -> Recovery | None:
        """Return a recovery."""
        query = _RECOVERIES.format(where="id = CAST(:id AS uuid)")
        row = await self._one(query, account, parse_id(Prefix.RECOVERY, recovery))
        return _recovery_from_row(row) if row else None


class MissedQueries(Queries):
    """Counts what webhooks missed."""

    async def count(self, account: AccountId, webhook: WebhookId, span: Span) -> Missed | None:
        """Return how much a webhook missed; None: there is no such webhook.

        Raises:
            QueryTooSlow: it takes too long to count so much.
        """
        found = await self._one(_PATTERNS, account, parse_id(Prefix.WEBHOOK, webhook))
        if found is None:
            return None
        theirs = whose(UUID(parse_id(Prefix.ACCOUNT, account)), UUID(parse_id(Prefix.WEBHOOK, webhook)), found.events)
        position, end = place(span.since), place(span.until)
        counted = Missed(0, 0, 0)
        give_up_at = time.monotonic() + COUNT_SECONDS
        while position < end:
            if time.monotonic() > give_up_at:
                raise QueryTooSlow(_TOO_MUCH)
            beyond, more = await self._count(theirs | {"position": position, "end": end})
            counted, position = counted + more, beyond or end
        return counted

    async def _count(self, stretch: Mapping[str, Any]) -> tuple[UUID | None, Missed]:
        """Count what was missed of the next events; say which of them comes behind these."""
        # one connection for each: a connection ends that was held for longer than one statement may take
        async with connect(self._database) as connection:
            beyond = (await connection.execute(BEYOND, dict(stretch) | {"scan": COUNT_STEP})).scalar()
        given = dict(stretch) | {"end": beyond or stretch["end"]}
        async with connect(self._database) as connection:
            row = (await connection.execute(_COUNT, given)).one()
        return beyond, Missed(row.failed, row.canceled, row.never_attempted)


def recoveries_query(page: Page, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of recoveries, and its parameters besides the account and the page's own."""
    where = " AND ".join([behind(page, "id"), *(_CONDITIONS[name] for name in filters)])
    return f"{_RECOVERIES.format(where=where)} ORDER BY id DESC LIMIT :limit", dict(filters)


async def _note(connection: AsyncConnection, action: Action, recovery: Recovery) -> None:
    webhook = parse_id(Prefix.WEBHOOK, recovery.webhook)
    name = (await connection.execute(_NAME, {"webhook": webhook})).scalar() or recovery.webhook
    details = made_with(webhook=recovery.webhook, since=recovery.span.since, until=recovery.span.until)
    await note(connection, action, recovery.account, Target(TargetKind.RECOVERY, recovery.id, name), details)


def _recovery_from_row(row: Row[Any]) -> Recovery:
    span = Span(row.since, row.until)
    return Recovery(
        id=_recovery_id(row.id),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        span=span,
        position=min(max(time_of(row.position), span.since), span.until),
        status=RecoveryStatus(row.status),
        reason=StopReason(row.reason) if row.reason else None,
        recovered=Missed(row.failed, row.canceled, row.never_attempted),
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
    )


def _recovery_id(value: UUID) -> RecoveryId:
    return cast(RecoveryId, format_id(Prefix.RECOVERY, value.hex))


_CONDITIONS: Final = {"webhook": "webhook_id = CAST(:webhook AS uuid)"}

_TOO_MUCH: Final = (
    f"It takes longer than {COUNT_SECONDS} seconds to count so much. Narrow it with since and until, or recover "
    "without counting: however much it is, it is recovered page by page."
)
