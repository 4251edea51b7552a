"""The statements behind notify: a channel's message is made once, claimed by a lease, and settled by who holds that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import uuid4

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.alert_channel import (
    ENDINGS,
    HAVE_INCIDENTS,
    UNREACHABLE,
    WORST_FIRST,
    AlertKind,
    ChannelStatus,
)
from flux_dispatch.domain.alert_pace import CHANNEL_PATIENCE, AlertPace, retry_delay
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Change, Target, TargetKind
from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import AccountId, AlertChannelId, NotificationId, Prefix, format_id, parse_id
from flux_dispatch.domain.notification import MOST_DIGESTS, Beyond, Digest, Notification
from flux_dispatch.store.alert_digests import LAST_OF_SUBJECT
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.operator_channels import OperatorChannels
from flux_dispatch.store.sealed_alert_channels import ChannelSeals

LEASE: Final = timedelta(seconds=60)
"""Longer than sending may take: who holds a message for so long is dead."""

KEPT: Final = timedelta(days=30)
"""How long is remembered: a message that is over, a window that nothing happened in, a channel of an operator that the
settings have not any more."""

_WHICH: Final = "(NOT CAST(:operators_only AS boolean) OR {account} IS NULL)"

_NEXT_CHANNEL = text(f"""
    SELECT id, account_id, service FROM alert_channels
    WHERE compose_at <= flux_now() AND {_WHICH.format(account="account_id")}
    ORDER BY compose_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")  # noqa: S608 - ours
_HAS_OPEN = text("SELECT EXISTS (SELECT FROM notifications WHERE channel_id = :channel AND due_at IS NOT NULL)")
_NOT_NOW = text("UPDATE alert_channels SET compose_at = NULL WHERE id = :channel")
# The worst stands first. What is beyond the most that a message lists is told as a number; but what closes incidents
# waits for the next message, for each is to be closed. Of a webhook that is deleted all trouble is over.
_TAKE_DIGESTS = text(f"""
    WITH waiting AS (
        SELECT * FROM alert_digests WHERE channel_id = :channel AND due_at <= flux_now() + :gather FOR NO KEY UPDATE
    ), placed AS (
        SELECT *, row_number() OVER (
            ORDER BY array_position(CAST(:worst_first AS text[]), kind), times DESC, subject
        ) AS place FROM waiting
    ), due AS (
        SELECT * FROM placed
        WHERE place <= :most OR NOT (CAST(:closes_each AS boolean) AND kind = ANY(CAST(:endings AS text[])))
    ), told AS (
        UPDATE alert_digests AS digest
        SET times = 0, due_at = NULL, told_at = flux_now(),
            level = CASE
                WHEN digest.level = 0
                     OR flux_now() - digest.told_at > 2 * (CAST(:windows AS interval[]))[digest.level] THEN 1
                ELSE least(digest.level + 1, cardinality(CAST(:windows AS interval[])))
            END
        FROM due WHERE digest.channel_id = due.channel_id AND digest.subject = due.subject AND digest.kind = due.kind
    ), beyond AS (
        SELECT kind, count(*) AS subjects, sum(times) AS times FROM due WHERE place > :most GROUP BY kind
    )
    SELECT due.*, webhooks.url, webhooks.description, last.is_over OR webhooks.deleted_at IS NOT NULL AS is_over,
           (SELECT jsonb_object_agg(kind, jsonb_build_array(subjects, times)) FROM beyond) AS beyond
    FROM due
    CROSS JOIN {LAST_OF_SUBJECT.format(of="due")}
    LEFT JOIN webhooks ON webhooks.id = CASE WHEN due.subject ^@ 'wh_' THEN CAST(substr(due.subject, 4) AS uuid) END
    WHERE due.place <= :most
    ORDER BY due.place
""")  # noqa: S608 - ours
_ADD = text("""
    INSERT INTO notifications (channel_id, account_id, content)
    VALUES (:channel, :account, CAST(:content AS jsonb))
""")
_LATER = text("""
    UPDATE alert_channels SET compose_at = (SELECT min(due_at) FROM alert_digests WHERE channel_id = :channel)
    WHERE id = :channel
""")
_SPACE = text("""
    UPDATE alert_channels SET compose_at = NULL, spaced_until = flux_now() + :spacing WHERE id = :channel
""")

# A message that was claimed is due again when its lease is over. Channels that fail stand behind those that do not, so
# that none that hangs keeps the others waiting.
_CLAIM = text(f"""
    UPDATE notifications
    SET attempts = attempts + 1, lease_token = CAST(:token AS uuid), due_at = flux_now() + :lease
    FROM alert_channels AS channel
    WHERE notifications.id = (
        SELECT waiting.id FROM notifications AS waiting
        WHERE due_at <= flux_now() AND {_WHICH.format(account="waiting.account_id")}
        ORDER BY attempts > 0, due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) AND channel.id = notifications.channel_id
    RETURNING notifications.*, channel.service, channel.sealed_url
""")  # noqa: S608 - ours

_LOCK_CHANNEL = text("""
    SELECT id FROM alert_channels WHERE id = CAST(:channel AS uuid) FOR NO KEY UPDATE
""")
_SENT = text("""
    UPDATE notifications SET due_at = NULL, ended_at = flux_now(), lease_token = NULL, error = NULL, content = '{}'
    WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid)
    RETURNING true
""")
_CHANNEL_IS_WELL = text("""
    UPDATE alert_channels
    SET last_sent_at = flux_now(), failing_since = NULL, failures = 0,
        compose_at = least(compose_at, (
            SELECT greatest(min(due_at), alert_channels.spaced_until) FROM alert_digests
            WHERE channel_id = alert_channels.id HAVING min(due_at) IS NOT NULL
        ))
    WHERE id = CAST(:channel AS uuid)
""")
_CALLED = text("""
    SELECT coalesce(nullif(name, ''), target) AS called FROM alert_channels WHERE id = CAST(:channel AS uuid)
""")
# Where its attempts have begun anew meanwhile, its channel has another URL by now, of which this says nothing.
_NOT_SENT = text("""
    UPDATE notifications
    SET due_at = CASE WHEN attempts = :attempt THEN flux_now() + :delay ELSE flux_now() END,
        lease_token = NULL, error = :error
    WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid)
    RETURNING attempts = :attempt AS is_same_url
""")
_CHANNEL_FAILS = text("""
    UPDATE alert_channels
    SET last_failed_at = flux_now(), last_error = :error, failures = failures + 1,
        failing_since = coalesce(failing_since, flux_now())
    WHERE id = CAST(:channel AS uuid)
    RETURNING account_id IS NOT NULL AND flux_now() - failing_since >= :patience AS is_given_up
""")
GIVE_UP: Final = (
    text("""
        UPDATE alert_channels
        SET status = :disabled, disabled_reason = :reason, compose_at = NULL, updated_at = flux_now()
        WHERE id = CAST(:channel AS uuid)
    """),
    text("DELETE FROM alert_digests WHERE channel_id = CAST(:channel AS uuid)"),
    text("""
        UPDATE notifications SET due_at = NULL, ended_at = flux_now(), lease_token = NULL, content = '{}'
        WHERE channel_id = CAST(:channel AS uuid) AND due_at IS NOT NULL
    """),
)
"""How a channel is disabled: nothing waits for it any more."""

_PRUNE: Final = (
    text("""
        DELETE FROM notifications WHERE id = ANY(ARRAY(
            SELECT id FROM notifications WHERE ended_at < flux_now() - CAST(:kept AS interval)
            LIMIT :limit FOR UPDATE SKIP LOCKED
        ))
    """),
    text("""
        DELETE FROM alert_digests WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM alert_digests WHERE due_at IS NULL AND told_at < flux_now() - CAST(:kept AS interval)
            LIMIT :limit FOR UPDATE SKIP LOCKED
        ))
    """),
    # with all that it had to tell: nothing has taken its place
    text("""
        DELETE FROM alert_channels WHERE id = ANY(ARRAY(
            SELECT id FROM alert_channels
            WHERE account_id IS NULL AND status = 'disabled' AND updated_at < flux_now() - CAST(:kept AS interval)
            LIMIT :limit FOR UPDATE SKIP LOCKED
        ))
    """),
)


class NotificationStore:
    """Makes, hands out and settles messages.

    Args:
        database: where they are.
        seals: opens the URLs of channels.
        operators: the channels that the settings name.
        pace: how often a channel is told.
        operators_only: whether those alone are served, as by a process that sends nothing for customers.
    """

    def __init__(
        self,
        database: AsyncEngine,
        seals: ChannelSeals,
        operators: OperatorChannels,
        pace: AlertPace,
        *,
        operators_only: bool = False,
    ) -> None:
        self._database = database
        self._seals = seals
        self._operators = operators
        self._pace = pace
        self._operators_only = operators_only

    async def register(self) -> None:
        """Have a row for each channel that the settings name, and none enabled that they do not."""
        async with transaction(self._database) as connection:
            await self._operators.register(connection)

    async def compose(self) -> bool:
        """Make the message of one channel whose time has come; False when there is none such."""
        async with transaction(self._database) as connection:
            which = {"operators_only": self._operators_only}
            channel = (await connection.execute(_NEXT_CHANNEL, which)).one_or_none()
            if channel is None:
                return False
            here = {"channel": channel.id}
            if (await connection.execute(_HAS_OPEN, here)).scalar():
                await connection.execute(_NOT_NOW, here)  # its end sets the time anew
                return True
            rows = (await connection.execute(_TAKE_DIGESTS, here | self._what_is_taken(channel.service))).all()
            if not rows:
                await connection.execute(_LATER, here)
                return True
            await connection.execute(_ADD, here | {"account": channel.account_id, "content": _content(rows)})
            await connection.execute(_SPACE, here | {"spacing": self._pace.spacing})
            return True

    async def claim(self) -> Notification | None:
        """Lease a message that is due, new ones first; None when there is none."""
        parameters = {"token": uuid4().hex, "lease": LEASE, "operators_only": self._operators_only}
        async with connect(self._database) as connection:
            row = (await connection.execute(_CLAIM, parameters)).one_or_none()
        return self._notification(row) if row else None

    async def settle_sent(self, notification: Notification) -> bool:
        """Note that a message arrived, if the lease still holds."""
        async with transaction(self._database) as connection:
            held = await _settle(connection, _SENT, notification, {})
            if held:
                await connection.execute(_CHANNEL_IS_WELL, _channel_of(notification))
            return held is not None

    async def settle_failed(self, notification: Notification, error: str) -> bool:
        """Note that a message did not arrive, if the lease still holds; it is tried again later.

        A channel of an account that has failed for CHANNEL_PATIENCE is disabled.
        """
        delay = {"delay": retry_delay(notification.attempt), "attempt": notification.attempt, "error": error}
        async with transaction(self._database) as connection:
            is_same_url = await _settle(connection, _NOT_SENT, notification, delay)
            if is_same_url:
                given = _channel_of(notification) | {"error": error, "patience": CHANNEL_PATIENCE}
                if (await connection.execute(_CHANNEL_FAILS, given)).scalar():
                    await disable_channel(connection, notification.channel, UNREACHABLE)
                    await _note_unreachable(connection, notification)
            return is_same_url is not None

    async def prune(self, limit: int) -> None:
        """Forget up to so many messages that are long over, as many windows, and operators' channels long gone."""
        async with connect(self._database) as connection:
            for statement in _PRUNE:
                await connection.execute(statement, {"kept": KEPT, "limit": limit})

    def _what_is_taken(self, service: str) -> dict[str, Any]:
        return {
            "gather": self._pace.gather,
            "windows": list(self._pace.windows),
            "endings": [each.value for each in ENDINGS],
            "worst_first": [each.value for each in WORST_FIRST],
            "most": MOST_DIGESTS,
            "closes_each": service in HAVE_INCIDENTS,
        }

    def _notification(self, row: Row[Any]) -> Notification:
        url, trouble = None, None
        try:
            url = self._url(row)
        except CannotUnseal as error:
            trouble = error.message
        return Notification(
            id=cast(NotificationId, format_id(Prefix.NOTIFICATION, row.id.hex)),
            channel=cast(AlertChannelId, format_id(Prefix.ALERT_CHANNEL, row.channel_id.hex)),
            account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
            service=row.service,
            # of what only a later release tells nothing can be said
            digests=tuple(_digest_from(each) for each in row.content["digests"] if each["kind"] in set(AlertKind)),
            beyond={
                AlertKind(kind): Beyond(*counted)
                for kind, counted in row.content.get("beyond", {}).items()
                if kind in set(AlertKind)
            },
            attempt=row.attempts,
            lease_token=row.lease_token.hex,
            created_at=row.created_at,
            url=url,
            trouble=trouble,
        )

    def _url(self, row: Row[Any]) -> str:
        if row.sealed_url is None:
            url = self._operators.url_of(row.channel_id)
            if url is None:
                raise CannotUnseal("This channel is not in the FLUX_ALERT_URLS of the worker that was to send to it.")
            return url
        return self._seals.unseal(row.channel_id, row.sealed_url)


async def disable_channel(connection: AsyncConnection, channel: AlertChannelId, reason: str) -> None:
    """Disable a channel, as a part of the transaction that this connection is in, which has locked it."""
    here = {"channel": parse_id(Prefix.ALERT_CHANNEL, channel)}
    why = {"disabled": ChannelStatus.DISABLED.value, "reason": reason}
    first, *others = GIVE_UP
    await connection.execute(first, here | why)
    for statement in others:
        await connection.execute(statement, here)


async def _note_unreachable(connection: AsyncConnection, notification: Notification) -> None:
    if notification.account is None:
        return
    row = (await connection.execute(_CALLED, _channel_of(notification))).one()
    target = Target(TargetKind.ALERT_CHANNEL, notification.channel, row.called)
    was, is_now = ChannelStatus.ENABLED.value, ChannelStatus.DISABLED.value
    changes = {"status": Change(was, is_now), "disabled_reason": Change(None, UNREACHABLE)}
    await note(connection, Action.ALERT_CHANNEL_UPDATED, notification.account, target, changes)


async def _settle(
    connection: AsyncConnection, statement: TextClause, notification: Notification, more: Mapping[str, Any]
) -> bool | None:
    """Return what the statement does; None where the lease does not hold."""
    await connection.execute(_LOCK_CHANNEL, _channel_of(notification))
    which = {"id": parse_id(Prefix.NOTIFICATION, notification.id), "token": notification.lease_token}
    said: bool | None = (await connection.execute(statement, which | dict(more))).scalar_one_or_none()
    return said


def _channel_of(notification: Notification) -> dict[str, Any]:
    return {"channel": parse_id(Prefix.ALERT_CHANNEL, notification.channel)}


def _content(rows: Sequence[Row[Any]]) -> str:
    digests = [asdict(_digest_from_row(row)) for row in rows]
    return json.dumps({"digests": digests, "beyond": rows[0].beyond or {}}, default=datetime.isoformat)


def _digest_from_row(row: Row[Any]) -> Digest:
    return Digest(
        kind=AlertKind(row.kind),
        subject=row.subject,
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
        endpoint=row.url or "",
        name=row.description or "",
        count=row.times,
        first_at=row.first_at,
        last_at=row.last_at,
        detail=row.detail,
        is_over=row.is_over,
    )


def _digest_from(stored: Mapping[str, Any]) -> Digest:
    instants = {name: datetime.fromisoformat(stored[name]) for name in ("first_at", "last_at")}
    kind = AlertKind(stored["kind"])
    return Digest(**{**stored, **instants, "kind": kind, "account": cast(AccountId | None, stored["account"])})
