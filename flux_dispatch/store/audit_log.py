"""The audit log: entries are written in the transactions of what they tell, read, and deleted when they are old."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.api_key import PREFIX
from flux_dispatch.domain.audit_action import ACTIONS, BY_NAME, Action
from flux_dispatch.domain.audit_entry import (
    OF_THE_PLATFORM,
    Acting,
    Actor,
    ActorKind,
    AuditEntry,
    Change,
    Changes,
    Reader,
    Target,
    TargetKind,
    as_read_by,
    made_with,
)
from flux_dispatch.domain.ids import AccountId, ApiKeyId, DashboardSessionId, Prefix, format_id, parse_id
from flux_dispatch.store.acting import acting
from flux_dispatch.store.connect import STATEMENT_SECONDS, transaction
from flux_dispatch.store.pages import HIGHEST_ID, LOWEST_ID, Page, Queries, behind, first_id

# A key is called by its name and its end, in the entry itself: it is read when the key is gone.
_ADD = text(f"""
    INSERT INTO audit_entries (
        account_id, action, actor_kind, api_key_id, session_id, actor_name, target_kind, target_id, target_name,
        changes, request_id, address, user_agent
    )
    SELECT CAST(:account AS uuid), :action, :actor_kind,
           coalesce(CAST(:api_key AS uuid), session.api_key_id), CAST(:session AS uuid),
           coalesce(
               CASE api_key.name WHEN '' THEN '' ELSE api_key.name || ' ' END || '{PREFIX}…' || api_key.last4,
               :actor_name
           ),
           :target_kind, :target_id, :target_name, CAST(:changes AS jsonb), :request_id, :address, :user_agent
    FROM (SELECT) AS this
    LEFT JOIN dashboard_sessions AS session ON session.id = CAST(:session AS uuid)
    LEFT JOIN api_keys AS api_key ON api_key.id = coalesce(CAST(:api_key AS uuid), session.api_key_id)
""")  # noqa: S608 - only how a key begins is written into it

# The order is the index's, also where the account is null.
_PAGE = "SELECT * FROM audit_entries WHERE {whose} AND {where} ORDER BY account_id DESC, id DESC LIMIT :limit"

# Each action by its own stretch of the index, so that those that are rare are found among any number of others. The
# bounds are rows, and the order is the index's, so that no other fits whatever the planner believes.
_PAGE_OF_ACTIONS = f"""
    SELECT entries.* FROM unnest(CAST(:actions AS text[])) AS wanted (action)
    CROSS JOIN LATERAL (
        SELECT * FROM audit_entries
        WHERE {{whose}} AND {{where}}
          AND (action, id) >= (wanted.action, {LOWEST_ID}) AND (action, id) <= (wanted.action, {HIGHEST_ID})
        ORDER BY account_id DESC, action DESC, id DESC LIMIT :limit
    ) AS entries
    ORDER BY id DESC LIMIT :limit
"""  # noqa: S608 - ours

_PRUNE = text("""
    DELETE FROM audit_entries WHERE id = ANY(ARRAY(
        SELECT id FROM audit_entries
        WHERE id < CAST(:beyond AS uuid) AND created_at < flux_now() - make_interval(days => :days)
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
""")
_SAY_RETENTION = text("SELECT set_config('flux.audit_retention_days', :days, true), flux_now() AS now")


async def note(
    connection: AsyncConnection,
    action: Action,
    account: AccountId | None,
    target: Target | None = None,
    changes: Changes | None = None,
) -> None:
    """Write, in the transaction of this connection, that whoever acts does this; in the platform's log for None."""
    come = acting()
    await connection.execute(
        _ADD,
        {
            "account": _hex(Prefix.ACCOUNT, account),
            "action": action.value,
            "actor_kind": come.actor.kind.value,
            "api_key": _hex(Prefix.API_KEY, come.actor.api_key),
            "session": _hex(Prefix.DASHBOARD_SESSION, come.actor.session),
            "actor_name": come.actor.name,
            "target_kind": target.kind.value if target else None,
            "target_id": target.id if target else None,
            "target_name": target.name if target else "",
            "changes": json.dumps(changes or {}),
            "request_id": come.request_id,
            "address": come.address,
            "user_agent": come.user_agent,
        },
    )


class AuditLogStore:
    """Writes what nothing else is written with, and deletes what is old."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def note_export(self, account: AccountId | None, asked: Mapping[str, str]) -> None:
        """Write that the log is exported, in which form and narrowed to what, before it is."""
        async with transaction(self._database) as connection:
            await note(connection, Action.AUDIT_LOG_EXPORTED, account, changes=made_with(**asked))

    async def note_refusal(self, account: AccountId | None, reason: str, times: int) -> None:
        """Write that somebody could not sign in, so many times; in the log of whose key or link it was, if any."""
        async with transaction(self._database) as connection:
            await note(connection, Action.SIGN_IN_REFUSED, account, changes=made_with(reason=reason, times=times))

    async def prune(self, days: int, *, limit: int) -> int:
        """Delete up to `limit` entries that are older than so many days, the oldest; return how many went."""
        async with transaction(self._database) as connection:
            now: datetime = (await connection.execute(_SAY_RETENTION, {"days": str(days)})).one().now
            # ids tell the time to the millisecond, so what is old is found by them
            beyond = first_id(now, -days * _DAY_MILLISECONDS)
            pruned = await connection.execute(_PRUNE, {"days": days, "beyond": beyond, "limit": limit})
            return pruned.rowcount


class AuditLogQueries(Queries):
    """Reads the audit log."""

    async def page(
        self, account: AccountId | None, page: Page, filters: Mapping[str, Any], reader: Reader
    ) -> list[AuditEntry]:
        """Return entries of an account's log (None: the platform's), the newest first, as this reader may know them.

        Filters: actions (a collection), actor (an id, or a kind), target (an id or the name of an event type),
        created_after, created_before.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = audit_log_query(account, page, filters, reader)
        return [as_read_by(reader, _from_row(row)) for row in await self._list(query, account, page, parameters)]

    async def behind(
        self, account: AccountId | None, after: str | None, limit: int, filters: Mapping[str, Any], reader: Reader
    ) -> list[AuditEntry]:
        """Return up to so many entries behind this one (its uuid in hex; None: the newest), as `page` does."""
        return await self.page(account, Page(limit, (after,) if after else None), filters, reader)


def audit_log_query(
    account: AccountId | None, page: Page, filters: Mapping[str, Any], reader: Reader
) -> tuple[str, dict[str, Any]]:
    """Return the statement for a page of entries, and its parameters besides the account and the page's own."""
    where, given = [behind(page, "id")], dict[str, Any]()
    if "created_after" in filters:
        where.append("id >= CAST(:first AS uuid) AND created_at > :created_after")
        given |= {"first": first_id(filters["created_after"], -1), "created_after": filters["created_after"]}
    if "created_before" in filters:
        where.append("id < CAST(:beyond AS uuid) AND created_at < :created_before")
        beyond = first_id(filters["created_before"], _WRITTEN_WITHIN_MILLISECONDS)
        given |= {"beyond": beyond, "created_before": filters["created_before"]}
    if "target" in filters:
        where.append("target_id = :target")
        given["target"] = filters["target"]
    if "actor" in filters:
        condition, given["actor"] = _actor_condition(filters["actor"], reader)
        where.append(condition)
    actions = filters.get("actions")
    if reader is Reader.CUSTOMER:
        theirs = [each.value for each, words in ACTIONS.items() if words.is_for_customers]
        actions = theirs if actions is None else [each for each in theirs if each in actions]
    query = _PAGE
    if actions is not None:
        given["actions"] = list(actions)
        if {"target", "actor"} & filters.keys():
            where.append("action = ANY(CAST(:actions AS text[]))")
        else:
            query = _PAGE_OF_ACTIONS
    whose = "account_id IS NULL" if account is None else "account_id = :account"
    return query.format(whose=whose, where=" AND ".join(where)), given


def _actor_condition(actor: str, reader: Reader) -> tuple[str, Any]:
    """Return the condition for what an actor did, and its parameter; nobody finds by an id whom they may not know."""
    if actor in set(ActorKind):
        return "actor_kind = :actor", actor
    prefix, column = (
        (Prefix.API_KEY, "api_key_id") if actor.startswith(Prefix.API_KEY) else (Prefix.DASHBOARD_SESSION, "session_id")
    )
    known = {
        Reader.PLATFORM: "true",
        Reader.ACCOUNT: f"actor_kind <> ALL('{{{','.join(sorted(OF_THE_PLATFORM))}}}')",
        Reader.CUSTOMER: f"actor_kind = '{ActorKind.CUSTOMER}'",
    }[reader]
    return f"{column} = :actor AND {known}", UUID(parse_id(prefix, actor))


def _from_row(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=format_id(Prefix.AUDIT_ENTRY, row.id.hex),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
        # one of a later release has a name, and no words
        action=BY_NAME.get(row.action, row.action),
        acting=Acting(_actor_from_row(row), row.request_id, row.address, row.user_agent),
        target=(
            Target(TargetKind(row.target_kind), row.target_id, row.target_name) if row.target_kind in _TARGETS else None
        ),
        changes={name: Change(*each) for name, each in row._mapping["changes"].items()},  # noqa: SLF001 - a public name
        created_at=row.created_at,
    )


def _actor_from_row(row: Row[Any]) -> Actor:
    return Actor(
        _ACTORS.get(row.actor_kind, ActorKind.NOBODY),
        cast(ApiKeyId, format_id(Prefix.API_KEY, row.api_key_id.hex)) if row.api_key_id else None,
        cast(DashboardSessionId, format_id(Prefix.DASHBOARD_SESSION, row.session_id.hex)) if row.session_id else None,
        row.actor_name,
    )


def _hex(prefix: Prefix, id_: str | None) -> str | None:
    return parse_id(prefix, id_) if id_ else None


_ACTORS: Final = {each.value: each for each in ActorKind}
_TARGETS: Final = frozenset(each.value for each in TargetKind)
_DAY_MILLISECONDS: Final = 86_400_000

_WRITTEN_WITHIN_MILLISECONDS: Final = 1000 * STATEMENT_SECONDS + 1
"""How much later than its time an entry's id may be: the time is that at which its statement began, which may wait."""
