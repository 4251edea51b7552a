"""The statements behind erase: one page of what was a deleted account's, one table after the other."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.account import Erased
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.ids import AccountId, Prefix, format_id
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction

PAUSE: Final = timedelta(seconds=5)
"""When to look again at an account with attempts in flight: their rows go when their leases are over."""

LINGER: Final = timedelta(minutes=1)
"""For how long an account that has nothing left is looked at again: something may have been stored by a call that saw
it as it was before. Longer than any statement takes, and than a key is remembered."""

_ACCOUNT = text("""
    SELECT id, greatest(deleted_at + :linger - flux_now(), interval '0') AS lingers FROM accounts
    WHERE erase_at <= flux_now()
    ORDER BY erase_at
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
""")
IN_ORDER: Final = text("SET LOCAL enable_bitmapscan = off")
"""For the statements below: a bitmap would be made of all that an account has, for a page of it."""

SAY_ERASED: Final = text("SELECT set_config('flux.erased_account', :account, true)")
"""Before entries of the audit log may go: a trigger keeps those of any other account."""

_LATER = text("UPDATE accounts SET erase_at = flux_now() + :pause WHERE id = :account")
_LAST = text("DELETE FROM accounts WHERE id = :account")

# Locked by nobody else, so that none waits for a worker that has it in hand; that one is met when it is done.
_BY_ID = """
    DELETE FROM {table} WHERE {key} = ANY(ARRAY(
        SELECT {key} FROM {table} WHERE account_id = :account LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
"""
# Where the account is a part of the key, the rest of it might be taken for a filter over all that the account has.
_BY_PLACE = """
    DELETE FROM {table} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {table} WHERE account_id = :account LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
"""
# What is being sent stays for as long as its lease: its worker shall find it.
_DELIVERIES = """
    WITH page AS (
        SELECT id FROM deliveries
        WHERE account_id = :account AND (state <> :sending OR leased_until < flux_now())
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ), their_attempts AS (
        DELETE FROM attempts WHERE delivery_id = ANY(ARRAY(SELECT id FROM page))
    )
    DELETE FROM deliveries WHERE id = ANY(ARRAY(SELECT id FROM page))
"""
# by a call that saw the account as it was before
_STRAGGLERS = """
    UPDATE webhooks SET deleted_at = flux_now(), updated_at = flux_now()
    WHERE id = ANY(ARRAY(
        SELECT id FROM webhooks WHERE account_id = :account AND deleted_at IS NULL LIMIT :limit
    ))
"""
# a webhook has very many of them
_STATISTICS = """
    DELETE FROM webhook_statistics WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM webhook_statistics
        WHERE webhook_id = ANY(ARRAY(SELECT id FROM webhooks WHERE account_id = :account))
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
"""
_WEBHOOKS = """
    DELETE FROM webhooks WHERE id = ANY(ARRAY(
        SELECT id FROM webhooks WHERE account_id = :account AND deleted_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM webhook_statistics WHERE webhook_id = webhooks.id)
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
"""
# What the platform's log says of it, but for that it was deleted: that says nothing of what was its own.
_TOLD_BY_PLATFORM = """
    DELETE FROM audit_entries WHERE id = ANY(ARRAY(
        SELECT id FROM audit_entries
        WHERE account_id IS NULL AND target_id = 'acct_' || replace(CAST(CAST(:account AS uuid) AS text), '-', '')
          AND action NOT IN ('account.deleted', 'account.erased')
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
"""
STEPS: Final[Mapping[str, str]] = {
    # nothing more is made
    "ended": _STRAGGLERS,
    "subscriptions": _BY_PLACE.format(table="subscriptions"),
    "outbox": _BY_ID.format(table="outbox", key="id"),
    "fan_outs": _BY_PLACE.format(table="fan_outs"),
    "recoveries": _BY_ID.format(table="recoveries", key="id"),
    # nobody is told any more
    "notifications": _BY_ID.format(table="notifications", key="id"),
    "alert_digests": _BY_PLACE.format(table="alert_digests"),
    "alert_channels": _BY_ID.format(table="alert_channels", key="id"),
    # what names others goes before them; attempts go with their deliveries
    "deliveries": _DELIVERIES,
    "alerts": _BY_ID.format(table="alerts", key="id"),
    "webhook_health": _BY_ID.format(table="webhook_health", key="webhook_id"),
    "event_statuses": _BY_ID.format(table="event_statuses", key="event_id"),
    "events": _BY_ID.format(table="events", key="id"),
    "listen_sessions": _BY_ID.format(table="listen_sessions", key="id"),
    "webhook_statistics": _STATISTICS,
    "webhooks": _WEBHOOKS,
    "event_types": _BY_PLACE.format(table="event_types"),
    "portal_links": _BY_ID.format(table="portal_links", key="id"),
    # after what makes them
    "dashboard_sessions": _BY_ID.format(table="dashboard_sessions", key="digest"),
    "api_keys": _BY_ID.format(table="api_keys", key="id"),
    "audit_entries": _BY_ID.format(table="audit_entries", key="id"),
    "told_by_platform": _TOLD_BY_PLATFORM,
}
"""What is done of an account, in this order, by the table that it empties; a test holds that every table is here."""

_NAME_NO_ACCOUNT: Final = {"ended", "webhook_statistics", "told_by_platform"}
"""Steps for which nothing is to be looked for when all is done: a webhook goes after its statistics, and no other holds
what the platform's log says of the account."""


class EraseStore:
    """Erases accounts that were deleted."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def erase_some(self, *, limit: int) -> Erased | None:
        """Erase up to `limit` rows of one table of one such account; None when none is to be looked at.

        Nothing is waited for that another holds, but the account itself is locked: two workers erase two accounts.
        """
        async with transaction(self._database) as connection:
            found = (await connection.execute(_ACCOUNT, {"linger": LINGER})).one_or_none()
            if found is None:
                return None
            await connection.execute(IN_ORDER)
            await connection.execute(SAY_ERASED, {"account": str(found.id)})
            rows = await _erase_page(connection, found.id, limit)
            if rows:
                return await self._come_again(connection, found.id, timedelta(0), rows)
            if await _is_anything_left(connection, found.id):
                return await self._come_again(connection, found.id, PAUSE, rows)
            if found.lingers:
                return await self._come_again(connection, found.id, found.lingers, rows)
            await connection.execute(_LAST, {"account": found.id})
            erased = _account_id(found.id)
            await note(connection, Action.ACCOUNT_ERASED, None, Target(TargetKind.ACCOUNT, erased))
            return Erased(erased, rows, is_over=True)

    async def _come_again(self, connection: AsyncConnection, account: UUID, pause: timedelta, rows: int) -> Erased:
        await connection.execute(_LATER, {"account": account, "pause": pause})
        return Erased(_account_id(account), rows, is_over=False)


async def _erase_page(connection: AsyncConnection, account: UUID, limit: int) -> int:
    """Do the first step that has something to do; return how many rows it had, at most `limit`."""
    for statement in STEPS.values():
        given: dict[str, Any] = {"account": account, "limit": limit}
        if ":sending" in statement:
            given["sending"] = State.SENDING.value
        if rows := (await connection.execute(text(statement), given)).rowcount:
            return rows
        if ":sending" in statement and await _has(connection, "deliveries", account):
            return 0
    return 0


async def _is_anything_left(connection: AsyncConnection, account: UUID) -> bool:
    tables = [table for table in STEPS if table not in _NAME_NO_ACCOUNT]
    return any([await _has(connection, table, account) for table in tables])


async def _has(connection: AsyncConnection, table: str, account: UUID) -> bool:
    query = text(f"SELECT EXISTS (SELECT FROM {table} WHERE account_id = :account)")  # noqa: S608 - one of ours
    return bool((await connection.execute(query, {"account": account})).scalar())


def _account_id(value: UUID) -> AccountId:
    return cast(AccountId, format_id(Prefix.ACCOUNT, value.hex))
