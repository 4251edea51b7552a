"""Listen sessions: made with their webhooks, found, and ended with them."""

from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.ids import AccountId, ListenSessionId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.listen_session import (
    CONNECTED_FOR,
    KEPT_FOR,
    Ended,
    EndReason,
    ListenSession,
    ListenStatus,
    NewListenSession,
)
from flux_dispatch.domain.webhook import NewWebhook
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.pages import Page, Queries
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.tables import listen_sessions
from flux_dispatch.store.webhooks import insert_webhook, lock_account

COLUMNS: Final = f"""
    listen_sessions.id, listen_sessions.account_id, listen_sessions.webhook_id, listen_sessions.forward_to,
    listen_sessions.created_at, listen_sessions.seen_at, listen_sessions.ended_at, listen_sessions.ended_reason,
    webhooks.url, webhooks.events,
    listen_sessions.process IS NOT NULL
        AND listen_sessions.seen_at > flux_now() - interval '{CONNECTED_FOR.total_seconds()} seconds' AS is_connected
"""

_SESSIONS: Final = f"""
    SELECT {COLUMNS}
    FROM listen_sessions JOIN webhooks ON webhooks.id = listen_sessions.webhook_id
    WHERE listen_sessions.account_id = :account AND {{where}}
"""  # noqa: S608 - only names of our own are written into it
LIVE_SESSIONS: Final = _SESSIONS.format(where="ended_at IS NULL AND {where}")

# What ends a session ends its webhook: no event reaches it from this commit on, and a trigger has what it still waits
# for canceled. Its secret is not needed any more.
_END: Final = """
    WITH found AS (
        {found}
    ), over AS (
        UPDATE listen_sessions
        SET ended_at = flux_now(), ended_reason = {reason}, process = NULL
        FROM found
        WHERE listen_sessions.id = found.id
        RETURNING listen_sessions.id, listen_sessions.account_id, webhook_id, ended_reason, found.process
    ), ended_webhooks AS (
        UPDATE webhooks
        SET deleted_at = flux_now(), updated_at = flux_now(),
            secrets = '{{}}', sealed_secrets = NULL, secrets_expire_at = NULL, headers = '{{}}', sealed_headers = NULL
        FROM over WHERE webhooks.id = over.webhook_id AND webhooks.deleted_at IS NULL
    )
    SELECT id, account_id, ended_reason, process FROM over
"""
_END_ONE: Final = text(
    _END.format(
        reason=":reason",
        found="""
        SELECT id, process FROM listen_sessions
        WHERE id = CAST(:id AS uuid) AND account_id = CAST(:account AS uuid) AND ended_at IS NULL
        FOR NO KEY UPDATE
        """,
    )
)
_EXPIRE: Final = text(
    _END.format(
        reason="CASE WHEN found.is_deleted THEN :account_deleted ELSE :unseen END",
        found="""
        SELECT listen_sessions.id, process, webhooks.deleted_at IS NOT NULL AS is_deleted
        FROM listen_sessions JOIN webhooks ON webhooks.id = webhook_id
        WHERE ended_at IS NULL
          AND (seen_at < flux_now() - CAST(:unseen_for AS interval) OR webhooks.deleted_at IS NOT NULL)
        LIMIT :limit
        FOR NO KEY UPDATE OF listen_sessions SKIP LOCKED
        """,
    )
)
_PRUNE: Final = text("""
    DELETE FROM listen_sessions WHERE id = ANY(ARRAY(
        SELECT id FROM listen_sessions WHERE ended_at < flux_now() - CAST(:kept_for AS interval)
        LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
""")
_EXISTS: Final = text("""
    SELECT EXISTS (SELECT FROM listen_sessions WHERE id = CAST(:id AS uuid) AND account_id = CAST(:account AS uuid))
""")


class ListenSessionStore:
    """Makes sessions and ends them."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        self._database = database
        self._seals = seals

    async def create(
        self, account: AccountId, draft: NewListenSession, secret: str, *, most: int
    ) -> ListenSession | None:
        """Store a session with its webhook; None when the account has as many as it may have."""
        owner = UUID(parse_id(Prefix.ACCOUNT, account))
        theirs = (listen_sessions.c.account_id == owner) & listen_sessions.c.ended_at.is_(None)
        async with transaction(self._database) as connection:
            await lock_account(connection, owner)
            if (await connection.execute(select(func.count()).where(theirs))).scalar_one() >= most:
                return None
            wanted = NewWebhook(draft.url, draft.events, "", {}, {})
            webhook = await insert_webhook(connection, self._seals, owner, wanted, secret, is_listen=True)
            values = {"account_id": owner, "webhook_id": webhook.id, "token": draft.token}
            made = insert(listen_sessions).values(**values, forward_to=draft.forward_to).returning(listen_sessions.c.id)
            id_ = (await connection.execute(made)).scalar_one()
            session = session_from_row(await _session_on(connection, owner, id_))
            told = made_with(events=list(session.events), forward_to=session.forward_to)
            await note(connection, Action.LISTEN_SESSION_CREATED, account, _target(session.id), told)
            return session

    async def end(self, account: AccountId, session: ListenSessionId, reason: EndReason) -> Ended | None:
        """End a session; None when the account has none of this id, or it is over already."""
        which = {"id": parse_id(Prefix.LISTEN_SESSION, session), "account": parse_id(Prefix.ACCOUNT, account)}
        async with transaction(self._database) as connection:
            row = (await connection.execute(_END_ONE, {**which, "reason": reason.value})).one_or_none()
            if row is None:
                return None
            await _note_end(connection, row)
            return _ended_from_row(row)

    async def exists(self, account: AccountId, session: ListenSessionId) -> bool:
        """Say whether the account has a session of this id, over or not."""
        which = {"id": parse_id(Prefix.LISTEN_SESSION, session), "account": parse_id(Prefix.ACCOUNT, account)}
        async with connect(self._database) as connection:
            return bool((await connection.execute(_EXISTS, which)).scalar())


class ListenSessionExpiry:
    """Ends sessions that nobody is connected to, and forgets those that are over."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def expire(self, unseen_seconds: float, *, limit: int) -> list[Ended]:
        """End up to `limit` sessions that were not seen for so long, or whose account was deleted.

        That an account was deleted is told once, and not of each thing that ended with it.
        """
        given = {
            "unseen_for": timedelta(seconds=unseen_seconds),
            "unseen": EndReason.UNSEEN.value,
            "account_deleted": EndReason.ACCOUNT_DELETED.value,
            "limit": limit,
        }
        async with transaction(self._database) as connection:
            rows = (await connection.execute(_EXPIRE, given)).all()
            for row in rows:
                if row.ended_reason == EndReason.UNSEEN:
                    await _note_end(connection, row)
            return [_ended_from_row(row) for row in rows]

    async def prune(self, *, limit: int) -> int:
        """Delete up to `limit` sessions that have been over for as long as they are kept."""
        async with connect(self._database) as connection:
            return (await connection.execute(_PRUNE, {"kept_for": KEPT_FOR, "limit": limit})).rowcount


class ListenSessionQueries(Queries):
    """Reads sessions."""

    async def page(self, account: AccountId, page: Page) -> list[ListenSession]:
        """Return sessions that are not over."""
        return [session_from_row(row) for row in await self._page(LIVE_SESSIONS, "listen_sessions.id", account, page)]

    async def get(self, account: AccountId, session: ListenSessionId) -> ListenSession | None:
        """Return a session, which may be over."""
        query = _SESSIONS.format(where="listen_sessions.id = CAST(:id AS uuid)")
        row = await self._one(query, account, parse_id(Prefix.LISTEN_SESSION, session))
        return session_from_row(row) if row else None


def session_from_row(row: Row[Any]) -> ListenSession:
    """Return the session that a row with `COLUMNS` holds."""
    live = ListenStatus.CONNECTED if row.is_connected else ListenStatus.DISCONNECTED
    return ListenSession(
        id=_id_from_row(row),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
        url=row.url,
        events=tuple(row.events),
        forward_to=row.forward_to,
        status=live if row.ended_at is None else ListenStatus.ENDED,
        created_at=row.created_at,
        seen_at=row.seen_at,
        ended_at=row.ended_at,
        ended_reason=None if row.ended_reason is None else EndReason(row.ended_reason),
    )


def _target(session: ListenSessionId) -> Target:
    return Target(TargetKind.LISTEN_SESSION, session)


async def _session_on(connection: AsyncConnection, account: UUID, session: UUID) -> Row[Any]:
    query = _SESSIONS.format(where="listen_sessions.id = :id")
    return (await connection.execute(text(query), {"account": account, "id": session})).one()


async def _note_end(connection: AsyncConnection, row: Row[Any]) -> None:
    account = cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex))
    why = made_with(reason=row.ended_reason)
    await note(connection, Action.LISTEN_SESSION_ENDED, account, _target(_id_from_row(row)), why)


def _ended_from_row(row: Row[Any]) -> Ended:
    return Ended(_id_from_row(row), EndReason(row.ended_reason), row.process)


def _id_from_row(row: Row[Any]) -> ListenSessionId:
    return cast(ListenSessionId, format_id(Prefix.LISTEN_SESSION, row.id.hex))
