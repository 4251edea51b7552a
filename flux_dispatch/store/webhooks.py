"""Webhooks: created, found, changed, deleted; a deleted one stays as the name of its past deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

import structlog
from sqlalchemy import Row, and_, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.attempt import LastFailure
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Change, Changes, Target, TargetKind, changes_between, made_with
from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import (
    NewWebhook,
    OfListenSession,
    SigningSecrets,
    Status,
    Webhook,
    WebhookChange,
    expiries_after_rotation,
)
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.last_failures import last_failure_from_row, last_failure_of
from flux_dispatch.store.note_health import NOTE_DELETED, NOTE_ENABLED
from flux_dispatch.store.pages import Page, Queries, containing
from flux_dispatch.store.sealed_webhooks import WebhookSeals, keeps_plain
from flux_dispatch.store.tables import accounts, webhooks

_WEBHOOKS = """
    SELECT id, account_id, url, events, description, headers, sealed_headers, metadata, status, disabled_reason,
           secrets, sealed_secrets, secrets_expire_at, created_at, updated_at, is_listen, flux_now() AS now
    FROM webhooks
    WHERE account_id = :account AND deleted_at IS NULL AND {where}
"""

_CONDITIONS: Final = {
    "status": "status = :status",
    "search": "(url ILIKE CAST(:search AS text) OR description ILIKE CAST(:search AS text))",
}

LAST_FAILURES: Final = f"""
    SELECT theirs.id AS webhook_id, last.*
    FROM (
        SELECT id FROM webhooks WHERE id = ANY(CAST(:webhooks AS uuid[])) AND account_id = :account OFFSET 0
    ) AS theirs
    JOIN {last_failure_of("theirs")} ON true
"""  # noqa: S608 - only a piece of our own is written into it

FORGOTTEN: Final[Mapping[str, Any]] = {
    "secrets": [],
    "sealed_secrets": None,
    "secrets_expire_at": None,
    "headers": {},
    "sealed_headers": None,
}
"""What a deleted webhook holds of its secrets and headers."""

log = structlog.get_logger("flux.store")


class WebhookStore:
    """Writes webhooks; what must not be read in the database is sealed."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        self._database = database
        self._seals = seals

    async def create(self, account: AccountId, draft: NewWebhook, secret: str, *, most: int) -> Webhook | None:
        """Store a new webhook, enabled from now on; None when the account has as many as it may have."""
        owner = UUID(parse_id(Prefix.ACCOUNT, account))
        theirs = and_(webhooks.c.account_id == owner, webhooks.c.deleted_at.is_(None), webhooks.c.is_listen.is_(False))
        async with transaction(self._database) as connection:
            await lock_account(connection, owner)
            existing = (await connection.execute(select(func.count()).where(theirs))).scalar_one()
            if existing >= most:
                return None
            row = await insert_webhook(connection, self._seals, owner, draft, secret)
            made = _webhook_from_row(row, self._seals)
            await note(connection, Action.WEBHOOK_CREATED, account, _target(row), made_with(**_told(made)))
            return made

    async def update(self, account: AccountId, webhook: WebhookId, change: WebhookChange) -> Webhook | None:
        """Change a webhook; None when the account has no such one.

        An event that is published after the commit goes by what it is then, an attempt that is claimed after it too.
        One that is enabled keeps what was not canceled yet: a trigger takes its mark away.
        """
        fields = {"url": change.url, "events": change.events, "description": change.description}
        values: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        if change.metadata is not None:
            values["metadata"] = dict(change.metadata)
        if change.status is not None:
            values |= {"status": change.status, "disabled_reason": change.disabled_reason}
        async with transaction(self._database) as connection:
            if change.headers is not None:
                is_plain = await keeps_plain(connection)
                values |= _headers(self._seals, _uuid(webhook), change.headers, is_plain=is_plain)
            values["updated_at"] = func.flux_now() if values else webhooks.c.updated_at
            found = select(webhooks).where(_may_be_changed(account, webhook)).with_for_update(key_share=True)
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                await _refuse_listen(connection, account, webhook)
                return None
            before = _webhook_from_row(row, self._seals)
            changed = update(webhooks).where(webhooks.c.id == row.id).values(**values).returning(webhooks)
            row = (await connection.execute(changed)).one()
            after = _webhook_from_row(row, self._seals)
            if _action(before, after) is Action.WEBHOOK_ENABLED:
                await connection.execute(text(NOTE_ENABLED), {"webhook": row.id})
            if changes := _changes(before, after):
                await note(connection, _action(before, after), account, _target(row), changes)
            return after

    async def rotate_secret(
        self, account: AccountId, webhook: WebhookId, secret: str, overlap: timedelta
    ) -> SigningSecrets | None:
        """Have a new secret sign first; None when the account has no such webhook.

        Raises:
            InvalidRequest: too many would sign at once; nothing is changed.
        """
        async with transaction(self._database) as connection:
            is_plain = await keeps_plain(connection)
            found = select(webhooks, func.flux_now().label("now")).where(_may_be_changed(account, webhook))
            row = (await connection.execute(found.with_for_update(key_share=True))).one_or_none()
            if row is None:
                await _refuse_listen(connection, account, webhook)
                return None
            ends = expiries_after_rotation(_expire_at(row), row.now, overlap)
            kept = [number for number, until in enumerate(ends) if until is not None]
            sealed = self._sealed_secrets(row)
            values = {
                "secrets": [secret, *(row.secrets[number] for number in kept)] if is_plain else [],
                "sealed_secrets": [self._seals.seal_secret(row.id, secret), *(sealed[number] for number in kept)],
                "secrets_expire_at": [None, *(ends[number] for number in kept)],
                "updated_at": func.flux_now(),
            }
            await connection.execute(update(webhooks).where(webhooks.c.id == row.id).values(**values))
            older = made_with(older_sign_until=max(filter(None, ends), default=None))
            await note(connection, Action.SECRET_ROTATED, account, _target(row), older)
            return SigningSecrets(secret, tuple(until for until in ends if until is not None))

    async def delete(self, account: AccountId, webhook: WebhookId) -> bool:
        """Delete a webhook; False when the account has no such one. No event reaches it from this commit on.

        Its secrets and headers are not needed any more, and go at once; incidents that are open of it are to be closed.
        """
        theirs = update(webhooks).where(_may_be_changed(account, webhook))
        change = theirs.values(deleted_at=func.flux_now(), updated_at=func.flux_now(), **FORGOTTEN).returning(webhooks)
        async with transaction(self._database) as connection:
            row = (await connection.execute(change)).one_or_none()
            if row is None:
                await _refuse_listen(connection, account, webhook)
                return False
            await connection.execute(text(NOTE_DELETED), {"webhook": row.id, "account": row.account_id})
            await note(connection, Action.WEBHOOK_DELETED, account, _target(row))
        return True

    async def reveal_secret(self, account: AccountId, webhook: WebhookId) -> SigningSecrets | None:
        """Return what signs for a webhook, of which it is written that it was read; None when there is no such one.

        Raises:
            CannotUnseal: its newest secret does not open.
        """
        found = select(webhooks, func.flux_now().label("now")).where(_is_theirs(account, webhook))
        async with transaction(self._database) as connection:
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                return None
            secrets = _secrets_from_row(row, self._seals)
            await note(connection, Action.SECRET_REVEALED, account, _target(row))
        return secrets

    def _sealed_secrets(self, row: Row[Any]) -> Sequence[bytes]:
        """Return the secrets of a row as they lie there, or sealed now."""
        if row.sealed_secrets is not None:
            sealed: Sequence[bytes] = row.sealed_secrets
            return sealed
        return [self._seals.seal_secret(row.id, each) for each in row.secrets]


class WebhookQueries(Queries):
    """Reads webhooks."""

    def __init__(self, database: AsyncEngine, seals: WebhookSeals) -> None:
        super().__init__(database)
        self._seals = seals

    async def page(
        self, account: AccountId, page: Page, filters: Mapping[str, str] = MappingProxyType({})
    ) -> list[Webhook]:
        """Return webhooks that were not deleted; filters: status, search.

        What is searched for is a piece of the URL or of the description, in capitals or not.

        Raises:
            QueryTooSlow: it would take too long to find as many as the page has.
        """
        query, parameters = webhooks_query(filters)
        rows = await self._page(query, "webhooks.id", account, page, parameters)
        return [_webhook_from_row(row, self._seals) for row in rows]

    async def last_failures(self, account: AccountId, webhooks: Sequence[WebhookId]) -> dict[WebhookId, LastFailure]:
        """Return the last failed attempt to each of these webhooks, at most a hundred, where one is found.

        It is that of a delivery that failed for good or is still open; others may have been delivered after it.
        """
        rows = await self._rows(LAST_FAILURES, account, {"webhooks": [_uuid(each) for each in webhooks]})
        return {
            cast(WebhookId, format_id(Prefix.WEBHOOK, row.webhook_id.hex)): last_failure_from_row(row) for row in rows
        }

    async def get(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        row = await self._found(account, webhook)
        return _webhook_from_row(row, self._seals) if row else None

    async def older_secrets(self, account: AccountId, webhook: WebhookId) -> tuple[datetime, ...] | None:
        """Return until when older secrets sign for a webhook that was not deleted; None when there is no such one.

        Raises:
            CannotUnseal: its newest secret does not open.
        """
        row = await self._found(account, webhook)
        return _secrets_from_row(row, self._seals).older_expire_at if row else None

    async def _found(self, account: AccountId, webhook: WebhookId) -> Row[Any] | None:
        query = _WEBHOOKS.format(where="webhooks.id = CAST(:id AS uuid)")
        return await self._one(query, account, parse_id(Prefix.WEBHOOK, webhook))


def webhooks_query(filters: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the statement for webhooks, with a place for where the page begins, and its parameters."""
    parameters: dict[str, Any] = dict(filters)
    if "search" in filters:
        parameters["search"] = containing(filters["search"])
    conditions = ["NOT is_listen", *(_CONDITIONS[each] for each in filters), "{where}"]
    return _WEBHOOKS.format(where=" AND ".join(conditions)), parameters


async def lock_account(connection: AsyncConnection, account: UUID) -> None:
    """Make others who count what this account has wait until the transaction ends, so that they see what it stores."""
    whose = select(accounts.c.id).where(accounts.c.id == account)
    await connection.execute(whose.with_for_update(key_share=True))


async def insert_webhook(  # noqa: PLR0913 - what a row is made of
    connection: AsyncConnection,
    seals: WebhookSeals,
    account: UUID,
    draft: NewWebhook,
    secret: str,
    *,
    is_listen: bool = False,
) -> Row[Any]:
    """Store a new webhook in this transaction, enabled, and return its row."""
    id_ = (await connection.execute(select(func.flux_new_id()))).scalar_one()
    is_plain = await keeps_plain(connection)
    values = {
        "id": id_,
        "account_id": account,
        "url": draft.url,
        "events": list(draft.events),
        "description": draft.description,
        "metadata": dict(draft.metadata),
        "status": Status.ENABLED.value,
        "secrets": [secret] if is_plain else [],
        "sealed_secrets": [seals.seal_secret(id_, secret)],
        "secrets_expire_at": [None],
        "is_listen": is_listen,
        **_headers(seals, id_, draft.headers, is_plain=is_plain),
    }
    made = await connection.execute(insert(webhooks).values(values).returning(webhooks))
    row: Row[Any] = made.one()
    return row


def _headers(seals: WebhookSeals, webhook: UUID, headers: Mapping[str, str], *, is_plain: bool) -> dict[str, Any]:
    return {"headers": dict(headers) if is_plain else {}, "sealed_headers": seals.seal_headers(webhook, headers)}


def _webhook_from_row(row: Row[Any], seals: WebhookSeals) -> Webhook:
    """Return the webhook that a row of the table holds."""
    try:
        headers = seals.headers(row.id, row.headers, row.sealed_headers)
    except CannotUnseal as error:
        headers = None
        log.warning("webhook.cannot_unseal", reason=str(error), consequence="it is shown without its headers")
    return Webhook(
        id=cast(WebhookId, format_id(Prefix.WEBHOOK, row.id.hex)),
        account=cast(AccountId, format_id(Prefix.ACCOUNT, row.account_id.hex)),
        url=row.url,
        events=tuple(row.events),
        description=row.description,
        headers=headers,
        metadata=row.metadata,
        status=Status(row.status),
        disabled_reason=row.disabled_reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_listen=row.is_listen,
    )


def _secrets_from_row(row: Row[Any], seals: WebhookSeals) -> SigningSecrets:
    sealed = (row.sealed_secrets or [])[:1] or None
    try:
        newest, *_ = seals.all_secrets(row.id, row.secrets, sealed)
    except CannotUnseal as error:
        log.warning("webhook.cannot_unseal", reason=str(error), consequence="its secret cannot be shown")
        raise
    return SigningSecrets(newest, tuple(each for each in _expire_at(row) if each and each > row.now))


def _target(row: Row[Any]) -> Target:
    return Target(TargetKind.WEBHOOK, format_id(Prefix.WEBHOOK, row.id.hex), row.description or row.url)


def _action(before: Webhook, after: Webhook) -> Action:
    if before.status is after.status:
        return Action.WEBHOOK_UPDATED
    return Action.WEBHOOK_ENABLED if after.status is Status.ENABLED else Action.WEBHOOK_DISABLED


def _changes(before: Webhook, after: Webhook) -> Changes:
    """Return what was changed; of headers, whose values are secret, their names."""
    changes = changes_between(_told(before), _told(after))
    if before.headers != after.headers:
        changes["headers"] = Change(_told(before)["headers"], _told(after)["headers"])
    status = {"status": before.status.value, "disabled_reason": before.disabled_reason}
    return changes | changes_between(status, {"status": after.status.value, "disabled_reason": after.disabled_reason})


def _told(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "headers": sorted(webhook.headers or {}),
        "metadata": dict(webhook.metadata),
    }


def _expire_at(row: Row[Any]) -> list[datetime | None]:
    """Return when each secret ends, the newest first; rows of the release before know no end."""
    return list(row.secrets_expire_at or [None] * len(row.secrets))


def _is_theirs(account: AccountId, webhook: WebhookId) -> Any:  # noqa: ANN401 - SQLAlchemy's
    return and_(
        webhooks.c.id == _uuid(webhook),
        webhooks.c.account_id == UUID(parse_id(Prefix.ACCOUNT, account)),
        webhooks.c.deleted_at.is_(None),
    )


def _may_be_changed(account: AccountId, webhook: WebhookId) -> Any:  # noqa: ANN401 - as above
    return and_(_is_theirs(account, webhook), webhooks.c.is_listen.is_(False))


async def _refuse_listen(connection: AsyncConnection, account: AccountId, webhook: WebhookId) -> None:
    """Say so where a webhook is not there to be changed because it is a listen session's.

    Raises:
        OfListenSession: it is.
    """
    found = select(webhooks.c.id).where(_is_theirs(account, webhook), webhooks.c.is_listen.is_(True))
    if (await connection.execute(found)).one_or_none():
        raise OfListenSession(webhook)


def _uuid(webhook: WebhookId) -> UUID:
    return UUID(parse_id(Prefix.WEBHOOK, webhook))
