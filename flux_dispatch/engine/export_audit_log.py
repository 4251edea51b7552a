"""Export the audit log: all that somebody may read of it, page by page, however much it is; and it is told there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from flux_dispatch.domain.audit_entry import AuditEntry, Reader
from flux_dispatch.domain.audit_export import ExportFormat
from flux_dispatch.domain.errors import TooManyRequests
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id

PAGE_SIZE: Final = 200
"""Entries in one piece: some ten milliseconds of this process, which all other requests wait for."""

TRIES: Final = 15
"""How often a place to read in is waited for, for up to two seconds each time."""

PAUSE_SECONDS: Final = 1
"""How long it is left alone after that: where too many wait already, nobody waits at all."""

PLATFORM: Final = AccountId("platform")


class Log(Protocol):
    """What exporting needs to write."""

    async def note_export(self, account: AccountId | None, asked: Mapping[str, str]) -> None:
        """Write that the log is exported, in which form and narrowed to what."""
        ...


class Entries(Protocol):
    """What exporting needs to read."""

    async def behind(
        self, account: AccountId | None, after: str | None, limit: int, filters: Mapping[str, Any], reader: Reader
    ) -> list[AuditEntry]:
        """Return up to so many entries behind this one (its uuid in hex), the newest first."""
        ...


class Places(Protocol):
    """Bounds how much an account reads at once."""

    def place(self, account: AccountId) -> AbstractAsyncContextManager[None]:
        """Lend a place."""
        ...


class ExportAuditLog:
    """Exports the log of an account, or of the platform."""

    def __init__(self, log: Log, entries: Entries, places: Places) -> None:
        self._log = log
        self._entries = entries
        self._places = places

    async def __call__(
        self,
        account: AccountId | None,
        reader: Reader,
        form: ExportFormat,
        asked: Mapping[str, str],
        filters: Mapping[str, Any],
    ) -> AsyncIterator[bytes]:
        """Return the pieces of an export, the newest entries first; that it is made is committed by then.

        Args:
            account: whose log; None: the platform's.
            reader: who gets it.
            form: how it is written.
            asked: the filters as they were given, for the log.
            filters: the same as the store takes them.

        Raises:
            Unavailable: the database is unavailable. TooManyRequests, QueryTooSlow: as for a list.
        """
        async with self._places.place(account or PLATFORM):
            # what is refused now is not to be told as exported
            await self._entries.behind(account, None, PAGE_SIZE, filters, reader)
        await self._log.note_export(account, {"format": form.value, **asked})
        return self._pieces(account, reader, form, filters)

    async def _pieces(
        self, account: AccountId | None, reader: Reader, form: ExportFormat, filters: Mapping[str, Any]
    ) -> AsyncIterator[bytes]:
        after: str | None = None
        heading = form.heading()
        while True:
            entries = await self._page(account, after, filters, reader)
            yield heading + form.written(entries)
            if len(entries) < PAGE_SIZE:
                return
            after, heading = parse_id(Prefix.AUDIT_ENTRY, entries[-1].id), b""

    async def _page(
        self, account: AccountId | None, after: str | None, filters: Mapping[str, Any], reader: Reader
    ) -> list[AuditEntry]:
        """Return a page; what is told waits for its turn, and does not end because others read, too."""
        for remaining in reversed(range(TRIES)):
            try:
                async with self._places.place(account or PLATFORM):
                    return await self._entries.behind(account, after, PAGE_SIZE, filters, reader)
            except TooManyRequests:
                if not remaining:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError
