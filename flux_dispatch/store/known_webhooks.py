"""What POSTs to a webhook are made of, remembered from one claim to the next: it hardly ever changes.

A claim says which version of each webhook it found. What is not remembered in that version is read, so a change is felt
by the very next claim, and whatever wrote it: the version is the row's own.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import CannotUnseal, Unavailable
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, format_id
from flux_dispatch.store.connect import DriverStatement
from flux_dispatch.store.sealed_webhooks import WebhookSeals

MAX_REMEMBERED_BYTES: Final = 32 * 2**20
"""Some 30,000 webhooks; who has more of them at work reads what fell out, in one statement for each claim."""

_BYTES_OF_ONE: Final = 1024
"""What Python takes for one that has a short URL, one secret and no headers."""

Version: TypeAlias = tuple[int, float]
"""Of a row: the transaction that wrote it, and `updated_at` in seconds.

The second alone would not do, for resealing does not move it; the first alone would, but for a standby that takes over
and gives numbers that were given before.
"""

# The condition inside coalesce is hidden from PostgreSQL's planner: it is that of indexes that hold a part of the
# table, which would be read from end to end. It is there because a deleted webhook has lost its secrets.
_READ = DriverStatement("""
    SELECT id, account_id, url, secrets, headers::text, sealed_secrets, secrets_expire_at, sealed_headers,
           flux_now() AS now, is_listen, xmin AS written_by, date_part('epoch', updated_at) AS updated_seconds
    FROM webhooks
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'enabled' AND coalesce(deleted_at IS NULL, false)
""")


@dataclass(frozen=True, slots=True)
class KnownWebhook:
    """What POSTs to it are made of; `secrets` are the newest first, each with the time at which it ends."""

    version: Version
    id: WebhookId
    account: AccountId
    url: str
    secrets: tuple[str, ...]
    ends: tuple[datetime | None, ...] | None
    headers: Mapping[str, str]
    bytes_held: int
    is_listen: bool

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at this moment, the newest first."""
        if self.ends is None:
            return self.secrets
        both = zip(self.secrets, self.ends, strict=True)
        return tuple(secret for secret, until in both if until is None or until > now)


def version_in(row: asyncpg.Record) -> Version:
    """Return the version of the webhook that a row of a statement brings."""
    return row["written_by"], row["updated_seconds"]


@dataclass(frozen=True, slots=True)
class KnownForClaim:
    """What is known of the webhooks of one claim.

    `shut` are those whose secrets or headers do not open, and `gone` those that were deleted or disabled since. What is
    in none of the three could not be read.
    """

    known: Mapping[UUID, KnownWebhook]
    shut: Mapping[UUID, CannotUnseal]
    gone: frozenset[UUID]


class KnownWebhooks:
    """Remembers webhooks, those that were needed last.

    Args:
        database: where they are read.
        seals: opens what of them is sealed.
        max_bytes: how much may be remembered, about.
    """

    def __init__(self, database: AsyncEngine, seals: WebhookSeals, max_bytes: int = MAX_REMEMBERED_BYTES) -> None:
        self._database = database
        self._seals = seals
        self._max_bytes = max_bytes
        self._known = OrderedDict[UUID, KnownWebhook]()
        self._bytes = 0

    async def get(self, wanted: Mapping[UUID, Version]) -> KnownForClaim:
        """Return these webhooks in these versions, or as they are now where that is another one."""
        known: dict[UUID, KnownWebhook] = {}
        unknown: list[UUID] = []
        for webhook, version in wanted.items():
            remembered = self._known.get(webhook)
            if remembered is not None and remembered.version == version:
                self._known.move_to_end(webhook)
                known[webhook] = remembered
            else:
                unknown.append(webhook)
        return await self._with_read(known, unknown) if unknown else KnownForClaim(known, {}, frozenset())

    async def _with_read(self, known: dict[UUID, KnownWebhook], unknown: Sequence[UUID]) -> KnownForClaim:
        try:
            rows = await _READ.rows(self._database, {"ids": unknown})
        except Unavailable:
            return KnownForClaim(known, {}, frozenset())
        shut: dict[UUID, CannotUnseal] = {}
        for row in rows:
            webhook: UUID = row["id"]
            try:
                known[webhook] = self._opened(row)
            except CannotUnseal as error:
                # not remembered: whoever is given the key opens it
                shut[webhook] = error
            else:
                self._remember(webhook, known[webhook])
        return KnownForClaim(known, shut, frozenset(unknown).difference(row["id"] for row in rows))

    def _opened(self, row: asyncpg.Record) -> KnownWebhook:
        webhook, account, url, plain, headers, sealed, expire_at, sealed_headers, now, is_listen, *_ = row
        signing = self._seals.signing(webhook, plain, sealed, expire_at, now)
        secrets = tuple(secret for secret, _ in signing)
        ends = tuple(until for _, until in signing)
        return KnownWebhook(
            version=version_in(row),
            id=cast(WebhookId, format_id(Prefix.WEBHOOK, webhook.hex)),
            account=cast(AccountId, format_id(Prefix.ACCOUNT, account.hex)),
            url=url,
            secrets=secrets,
            ends=ends if any(ends) else None,
            headers=self._seals.headers(webhook, cast(dict[str, Any], json.loads(headers)), sealed_headers),
            bytes_held=_BYTES_OF_ONE + len(url) + sum(map(len, secrets)) + len(headers) + len(sealed_headers or b""),
            is_listen=is_listen,
        )

    def _remember(self, webhook: UUID, known: KnownWebhook) -> None:
        before = self._known.pop(webhook, None)
        self._bytes += known.bytes_held - (before.bytes_held if before else 0)
        self._known[webhook] = known
        while self._bytes > self._max_bytes:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= oldest.bytes_held
