"""The statements behind the tunnel: which command is connected to which session, and through which process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import CannotUnseal, NotFound
from flux_dispatch.domain.ids import AccountId, ListenSessionId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.listen_session import (
    CONNECTED_FOR,
    Connected,
    EndReason,
    SessionEnded,
    SessionInUse,
    TunnelTarget,
)
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.listen_sessions import COLUMNS, session_from_row
from flux_dispatch.store.sealed_webhooks import WebhookSeals

# Its own connection a run of the command may replace at any time, for it may know before us that this one is dead;
# another's only when that was not seen for as long as a process takes to say so.
_CONNECT: Final = text(f"""
    WITH found AS (
        SELECT id, process, epoch, ended_at,
               process IS NULL OR instance = :instance OR seen_at < flux_now() - CAST(:connected_for AS interval)
                   AS is_free
        FROM listen_sessions
        WHERE id = CAST(:id AS uuid) AND account_id = CAST(:account AS uuid)
        FOR NO KEY UPDATE
    ), moved AS (
        UPDATE listen_sessions
        SET process = :process, instance = :instance, epoch = found.epoch + 1, seen_at = flux_now()
        FROM found
        WHERE listen_sessions.id = found.id AND found.is_free AND found.ended_at IS NULL
        RETURNING listen_sessions.id
    )
    SELECT {COLUMNS}, found.process AS before, found.epoch + 1 AS epoch, flux_now() AS connected_at,
           EXISTS (SELECT FROM moved) AS is_moved, webhooks.secrets, webhooks.sealed_secrets
    FROM found
    JOIN listen_sessions ON listen_sessions.id = found.id
    JOIN webhooks ON webhooks.id = listen_sessions.webhook_id
""")  # noqa: S608 - only names of our own are written into it

# One that is not returned was ended, or connected elsewhere since.
_TOUCH: Final = text("""
    UPDATE listen_sessions SET seen_at = flux_now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS int[])) AS held (id, epoch)
    WHERE listen_sessions.id = held.id AND listen_sessions.epoch = held.epoch AND ended_at IS NULL
      AND process = :process
      AND EXISTS (SELECT FROM webhooks WHERE webhooks.id = webhook_id AND webhooks.deleted_at IS NULL)
    RETURNING listen_sessions.id
""")
_REASONS: Final = text("""
    SELECT listen_sessions.id, coalesce(ended_reason, CASE WHEN webhooks.deleted_at IS NOT NULL THEN :deleted END)
               AS ended_reason
    FROM listen_sessions JOIN webhooks ON webhooks.id = webhook_id
    WHERE listen_sessions.id = ANY(CAST(:ids AS uuid[]))
""")
_DISCONNECT: Final = text("""
    UPDATE listen_sessions SET process = NULL, seen_at = flux_now()
    WHERE id = CAST(:id AS uuid) AND epoch = :epoch AND process = :process AND ended_at IS NULL
""")
_TARGET: Final = text("""
    SELECT listen_sessions.id, listen_sessions.account_id, webhook_id, ended_reason, secrets, sealed_secrets,
           webhooks.deleted_at IS NOT NULL AS is_deleted
    FROM listen_sessions JOIN webhooks ON webhooks.id = webhook_id
    WHERE token = :token
""")

log = structlog.get_logger("flux.store")


class TunnelStore:
    """Says what is behind a token, and keeps who is connected."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        self._database = database
        self._seals = seals

    async def target(self, token: str) -> TunnelTarget | None:
        """Return what is behind a token; None when there is no such session, or it is forgotten."""
        async with connect(self._database) as connection:
            row = (await connection.execute(_TARGET, {"token": token})).one_or_none()
        if row is None:
            return None
        target = self._target_from_row(row)
        over = target.ended_reason or (EndReason.ACCOUNT_DELETED if row.is_deleted else None)
        return replace(target, ended_reason=over)

    async def connect(self, account: AccountId, session: ListenSessionId, instance: str, process: str) -> Connected:
        """Let a run of the command in, through this process, in the place of its own older connection if it has one.

        Raises:
            NotFound: the account has no such session.
            SessionEnded: it is over.
            SessionInUse: another run is connected.
        """
        given = {
            "id": parse_id(Prefix.LISTEN_SESSION, session),
            "account": parse_id(Prefix.ACCOUNT, account),
            "instance": instance,
            "process": process,
            "connected_for": CONNECTED_FOR,
        }
        async with transaction(self._database) as connection:
            row = (await connection.execute(_CONNECT, given)).one_or_none()
        if row is None:
            raise NotFound(f"There is no {session}.")
        if not row.is_moved:
            raise SessionEnded if row.ended_at else SessionInUse
        return Connected(
            session_from_row(row), self._target_from_row(row), row.epoch, row.connected_at, before=row.before
        )

    async def touch(self, process: str, held: Mapping[ListenSessionId, int]) -> set[ListenSessionId]:
        """Say that these sessions are seen, each connected for the time of its epoch; return those of which it holds.

        The others were ended, or their command is connected to another process by now.
        """
        ids = [parse_id(Prefix.LISTEN_SESSION, each) for each in held]
        given = {"ids": ids, "epochs": list(held.values()), "process": process}
        async with connect(self._database) as connection:
            return {_session_id(row.id) for row in await connection.execute(_TOUCH, given)}

    async def end_reasons(self, sessions: Sequence[ListenSessionId]) -> dict[ListenSessionId, EndReason]:
        """Return why those of these sessions ended that have."""
        ids = [parse_id(Prefix.LISTEN_SESSION, each) for each in sessions]
        async with connect(self._database) as connection:
            rows = await connection.execute(_REASONS, {"ids": ids, "deleted": EndReason.ACCOUNT_DELETED.value})
            return {_session_id(row.id): EndReason(row.ended_reason) for row in rows if row.ended_reason}

    async def disconnect(self, session: ListenSessionId, epoch: int, process: str) -> None:
        """Say that no command is connected any more, unless it is again."""
        given = {"id": parse_id(Prefix.LISTEN_SESSION, session), "epoch": epoch, "process": process}
        async with connect(self._database) as connection:
            await connection.execute(_DISCONNECT, given)

    def _target_from_row(self, row: Row[Any]) -> TunnelTarget:
        try:
            secrets = self._seals.all_secrets(row.webhook_id, row.secrets, row.sealed_secrets)
        except CannotUnseal as error:
            # what Flux sends is not told from what others send then; it passes all the same
            log.warning("webhook.cannot_unseal", reason=str(error), consequence="its deliveries are not recognised")
            secrets = ()
        return TunnelTarget(
            id=_session_id(row.id),
            account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
            webhook=cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)),
            ended_reason=None if row.ended_reason is None else EndReason(row.ended_reason),
            secrets=secrets,
        )


def _session_id(value: Any) -> ListenSessionId:  # noqa: ANN401 - a row's value
    return cast(ListenSessionId, format_id(Prefix.LISTEN_SESSION, value.hex))
