"""Alert channels: created, found, changed, deleted, tried out; the URL is sealed, and read only to send to it."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.alert_channel import (
    AlertChannel,
    AlertChannelChange,
    ChannelStatus,
    CheckedUrl,
    NewAlertChannel,
)
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Change, Target, TargetKind, changes_between, made_with
from flux_dispatch.domain.ids import AccountId, AlertChannelId, Prefix, format_id, parse_id
from flux_dispatch.domain.webhook import BY_HAND
from flux_dispatch.store.alert_digests import forget_other_kinds
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.notifications import disable_channel
from flux_dispatch.store.pages import Page, Queries
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.tables import accounts, alert_channels

_CHANNELS = "SELECT * FROM alert_channels WHERE account_id = :account AND {where}"

_NOTE_TEST = text("""
    UPDATE alert_channels
    SET last_sent_at = CASE WHEN CAST(:error AS text) IS NULL THEN flux_now() ELSE last_sent_at END,
        last_failed_at = CASE WHEN CAST(:error AS text) IS NULL THEN last_failed_at ELSE flux_now() END,
        last_error = coalesce(:error, last_error)
    WHERE id = CAST(:id AS uuid) AND account_id = CAST(:account AS uuid)
    RETURNING *
""")

# What was waiting for a better URL need not wait for the next attempt. Who is just sending to the old one settles that,
# and knows by the attempts, which begin anew, that the URL is another.
_TRY_AGAIN = text("""
    UPDATE notifications
    SET attempts = 0, due_at = CASE WHEN lease_token IS NULL THEN flux_now() ELSE due_at END
    WHERE channel_id = CAST(:id AS uuid) AND due_at IS NOT NULL
""")


class AlertChannelStore:
    """Writes channels of accounts."""

    def __init__(self, database: AsyncEngine, seals: ChannelSeals) -> None:
        self._database = database
        self._seals = seals

    async def create(self, account: AccountId, draft: NewAlertChannel, *, most: int) -> AlertChannel | None:
        """Store a new channel; None when the account has as many as it may have."""
        owner = UUID(parse_id(Prefix.ACCOUNT, account))
        async with transaction(self._database) as connection:
            # one at a time for each account: the count that follows sees what the one before has stored
            whose = select(accounts.c.id).where(accounts.c.id == owner)
            await connection.execute(whose.with_for_update(key_share=True))
            theirs = select(func.count().label("existing"), func.flux_new_id().label("id"))
            found = (await connection.execute(theirs.where(alert_channels.c.account_id == owner))).one()
            if found.existing >= most:
                return None
            values = {"id": found.id, "account_id": owner, "name": draft.name, "kinds": list(draft.kinds)}
            made = insert(alert_channels).values(**values, **self._url(found.id, draft.url))
            channel = channel_from_row((await connection.execute(made.returning(alert_channels))).one())
            asked = made_with(target=channel.target, name=channel.name, kinds=channel.kinds)
            await note(connection, Action.ALERT_CHANNEL_CREATED, account, target_of(channel), asked)
            return channel

    async def update(
        self, account: AccountId, channel: AlertChannelId, change: AlertChannelChange
    ) -> AlertChannel | None:
        """Change a channel; None when the account has no such one. What waits is sent to a new URL at once."""
        which = UUID(parse_id(Prefix.ALERT_CHANNEL, channel))
        theirs = (alert_channels.c.id == which, alert_channels.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)))
        async with transaction(self._database) as connection:
            found = await connection.execute(select(alert_channels).where(*theirs).with_for_update(key_share=True))
            if (row := found.one_or_none()) is None:
                return None
            if change.status is ChannelStatus.DISABLED and row.status == ChannelStatus.ENABLED:
                await disable_channel(connection, channel, BY_HAND)
            values = self._values(which, change)
            if values:
                values["updated_at"] = func.flux_now()
                await connection.execute(update(alert_channels).where(*theirs).values(**values))
            if change.kinds is not None:
                await forget_other_kinds(connection, [which], change.kinds)
            if change.url is not None:
                await connection.execute(_TRY_AGAIN, {"id": which})
            changed = channel_from_row((await connection.execute(select(alert_channels).where(*theirs))).one())
            changes = changes_between(_told(channel_from_row(row)), _told(changed))
            if change.url is not None and "target" not in changes:
                changes["target"] = Change(changed.target, changed.target)
            if changes:
                await note(connection, Action.ALERT_CHANNEL_UPDATED, account, target_of(changed), changes)
            return changed

    async def delete(self, account: AccountId, channel: AlertChannelId) -> bool:
        """Delete a channel with all that it was to be told; False when the account has no such one."""
        which = delete(alert_channels).where(
            alert_channels.c.id == UUID(parse_id(Prefix.ALERT_CHANNEL, channel)),
            alert_channels.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)),
        )
        async with transaction(self._database) as connection:
            row = (await connection.execute(which.returning(alert_channels))).one_or_none()
            if row is not None:
                await note(connection, Action.ALERT_CHANNEL_DELETED, account, target_of(channel_from_row(row)))
            return row is not None

    async def note_test(self, account: AccountId, channel: AlertChannelId, error: str | None) -> None:
        """Note whether a test arrived; it tells nothing of whether alerts did."""
        parameters = {
            "id": parse_id(Prefix.ALERT_CHANNEL, channel),
            "account": parse_id(Prefix.ACCOUNT, account),
            "error": error,
        }
        async with transaction(self._database) as connection:
            row = (await connection.execute(_NOTE_TEST, parameters)).one_or_none()
            if row is not None:
                came = made_with(status="sent" if error is None else "failed")
                await note(connection, Action.ALERT_CHANNEL_TESTED, account, target_of(channel_from_row(row)), came)

    def _values(self, channel: UUID, change: AlertChannelChange) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if change.name is not None:
            values["name"] = change.name
        if change.kinds is not None:
            values["kinds"] = list(change.kinds)
        if change.url is not None:
            values |= self._url(channel, change.url)
        if change.url is not None or change.status is ChannelStatus.ENABLED:
            values |= {"failing_since": None, "failures": 0}
        if change.status is ChannelStatus.ENABLED:
            values |= {"status": ChannelStatus.ENABLED.value, "disabled_reason": None}
        return values

    def _url(self, channel: UUID, url: CheckedUrl) -> dict[str, Any]:
        return {"service": url.service, "target": url.target, "sealed_url": self._seals.seal(channel, url.url)}


class AlertChannelQueries(Queries):
    """Reads channels."""

    def __init__(self, database: AsyncEngine, seals: ChannelSeals) -> None:
        super().__init__(database)
        self._seals = seals

    async def page(self, account: AccountId, page: Page) -> list[AlertChannel]:
        """Return channels, the newest first."""
        rows = await self._page(_CHANNELS, "alert_channels.id", account, page, {})
        return [channel_from_row(row) for row in rows]

    async def get(self, account: AccountId, channel: AlertChannelId) -> AlertChannel | None:
        """Return a channel."""
        row = await self._row(account, channel)
        return channel_from_row(row) if row else None

    async def url(self, account: AccountId, channel: AlertChannelId) -> str | None:
        """Return the URL of a channel; None when the account has no such one.

        Raises:
            CannotUnseal: it does not open.
        """
        row = await self._row(account, channel)
        return self._seals.unseal(row.id, row.sealed_url) if row else None

    async def _row(self, account: AccountId, channel: AlertChannelId) -> Row[Any] | None:
        query = _CHANNELS.format(where="id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.ALERT_CHANNEL, channel))


def target_of(channel: AlertChannel) -> Target:
    """Return a channel as the audit log has it."""
    return Target(TargetKind.ALERT_CHANNEL, channel.id, channel.name or channel.target)


def _told(channel: AlertChannel) -> dict[str, Any]:
    """Return what an entry tells of a channel; of its URL, which is secret, what may be shown."""
    return {
        "target": channel.target,
        "name": channel.name,
        "kinds": list(channel.kinds),
        "status": channel.status.value,
        "disabled_reason": channel.disabled_reason,
    }


def channel_from_row(row: Row[Any]) -> AlertChannel:
    """Return a channel without its URL."""
    return AlertChannel(
        id=cast(AlertChannelId, format_id(Prefix.ALERT_CHANNEL, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)) if row.account_id else None,
        name=row.name,
        service=row.service,
        target=row.target,
        kinds=tuple(row.kinds),
        status=ChannelStatus(row.status),
        disabled_reason=row.disabled_reason,
        last_sent_at=row.last_sent_at,
        last_failed_at=row.last_failed_at,
        last_error=row.last_error,
        failing_since=row.failing_since,
        failures=row.failures,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
