"""What of a webhook is sealed: its signing secrets, each by itself, and its custom headers as one value.

Rows of the release before hold both in plain text. What is sealed goes before what is plain.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import Prefix, format_id
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.tables import sealing

UNSEAL_PAUSE: Final = timedelta(minutes=1)
"""How long a delivery rests whose webhook's secrets or headers do not open; no attempt is spent."""

_QUIET_SECONDS: Final = 10.0

log = structlog.get_logger("flux.store")


class WebhookSeals:
    """Seals and opens what of a webhook nobody may read in the database."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.head = keyring.head

    def seal_secret(self, webhook: UUID, secret: str) -> bytes:
        """Return a secret as its row holds it."""
        return self._keyring.seal(secret, _secrets_of(webhook))

    def seal_headers(self, webhook: UUID, headers: Mapping[str, str]) -> bytes | None:
        """Return headers as their row holds them; None for none, which hide nothing."""
        return self._keyring.seal(json.dumps(dict(headers)), _headers_of(webhook)) if headers else None

    def signing(
        self,
        webhook: UUID,
        plain: Sequence[str],
        sealed: Sequence[bytes] | None,
        expire_at: Sequence[datetime | None] | None,
        now: datetime,
    ) -> list[tuple[str, datetime | None]]:
        """Return the secrets that sign at this moment, the newest first, each with the time at which it ends.

        Raises:
            CannotUnseal: one of them does not open.
        """
        if sealed is None or expire_at is None:
            return [(each, None) for each in plain]
        both = zip(sealed, expire_at, strict=True)
        return [(self._open_secret(webhook, each), until) for each, until in both if until is None or until > now]

    def all_secrets(self, webhook: UUID, plain: Sequence[str], sealed: Sequence[bytes] | None) -> tuple[str, ...]:
        """Return the secrets, whether they have ended or not, the newest first.

        Raises:
            CannotUnseal: one of them does not open.
        """
        return tuple(plain) if sealed is None else tuple(self._open_secret(webhook, each) for each in sealed)

    def headers(self, webhook: UUID, plain: Mapping[str, str], sealed: bytes | None) -> Mapping[str, str]:
        """Return the custom headers.

        Raises:
            CannotUnseal: they do not open.
        """
        if sealed is None:
            return plain
        headers: Mapping[str, str] = json.loads(self._keyring.unseal(sealed, _headers_of(webhook)))
        return headers

    def _open_secret(self, webhook: UUID, sealed: bytes) -> str:
        return self._keyring.unseal(sealed, _secrets_of(webhook))


class UnsealLog:
    """Says that deliveries wait because something does not open, not once for each of them."""

    def __init__(self) -> None:
        self._said_at = -_QUIET_SECONDS
        self._count = 0

    def note(self, error: CannotUnseal) -> None:
        """Log this delivery, or count it."""
        self._count += 1
        now = time.monotonic()
        if now - self._said_at < _QUIET_SECONDS:
            return
        consequence = f"they are tried again every {UNSEAL_PAUSE.total_seconds():.0f} s"
        log.error("webhook.cannot_unseal", reason=str(error), deliveries=self._count, consequence=consequence)
        self._said_at, self._count = now, 0


async def keeps_plain(connection: AsyncConnection) -> bool:
    """Say, until the transaction ends, whether what is sealed must also stand in plain text, for the release before."""
    return bool((await connection.execute(select(sealing.c.keeps_plain).with_for_update(read=True))).scalar())


def _secrets_of(webhook: UUID) -> str:
    return f"webhooks.sealed_secrets of {format_id(Prefix.WEBHOOK, webhook.hex)}"


def _headers_of(webhook: UUID) -> str:
    return f"webhooks.sealed_headers of {format_id(Prefix.WEBHOOK, webhook.hex)}"
