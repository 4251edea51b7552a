"""An export is told where it is made, and goes on however much others read meanwhile."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind, AuditEntry, Reader
from flux_dispatch.domain.audit_export import ExportFormat
from flux_dispatch.domain.errors import QueryTooSlow, TooManyRequests
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine import export_audit_log
from flux_dispatch.engine.export_audit_log import PAGE_SIZE, ExportAuditLog
from flux_dispatch.engine.flow.read_limit import MAX_READING, MAX_WAITING, ReadLimit
from tests.support.waiting import let_others_run

ACCOUNT = AccountId("acct_1")


class Log:
    """A log of so many entries; `told` is how many exports it has been told of."""

    def __init__(self, entries: int, *, is_too_slow: bool = False) -> None:
        self.told = 0
        self._entries = entries
        self._is_too_slow = is_too_slow

    async def note_export(self, *_: Any) -> None:
        self.told += 1

    async def behind(self, *asked: Any) -> list[AuditEntry]:
        if self._is_too_slow:
            raise QueryTooSlow("It is too much.")
        _, after, limit, *_ = asked
        newest = int(after or f"{self._entries:x}", 16) - (after is not None)
        return [entry(number) for number in range(newest, max(newest - limit, 0), -1)]


def entry(number: int) -> AuditEntry:
    actor = Acting(Actor(ActorKind.ENGINE))
    return AuditEntry(f"aud_{number:032x}", ACCOUNT, Action.SIGNED_IN, actor, None, {}, datetime.now(UTC))


async def crowd(stack: AsyncExitStack, limit: ReadLimit) -> list[asyncio.Task[None]]:
    """Take all places of the account, until the stack is left, and all where one waits for them."""
    for _ in range(MAX_READING):
        await stack.enter_async_context(limit.place(ACCOUNT))

    async def wait() -> None:
        async with limit.place(ACCOUNT):
            pass

    waiting = [asyncio.create_task(wait()) for _ in range(MAX_WAITING)]
    await let_others_run()
    return waiting


async def test_what_is_refused_is_not_told_as_exported() -> None:
    limit, log = ReadLimit(), Log(1)
    async with AsyncExitStack() as others:
        waiting = await crowd(others, limit)
        with pytest.raises(TooManyRequests):
            await anext(await ExportAuditLog(log, log, limit)(ACCOUNT, Reader.ACCOUNT, ExportFormat.JSONL, {}, {}))
    await asyncio.gather(*waiting)
    slow = Log(1, is_too_slow=True)
    with pytest.raises(QueryTooSlow):
        await anext(await ExportAuditLog(slow, slow, limit)(ACCOUNT, Reader.ACCOUNT, ExportFormat.JSONL, {}, {}))
    assert (log.told, slow.told) == (0, 0)


async def test_what_is_under_way_waits_for_others_who_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_audit_log, "PAUSE_SECONDS", 0)
    limit, log = ReadLimit(), Log(PAGE_SIZE + 1)
    pieces = await ExportAuditLog(log, log, limit)(ACCOUNT, Reader.ACCOUNT, ExportFormat.JSONL, {}, {})
    assert (await anext(pieces)).count(b"\n") == PAGE_SIZE
    async with AsyncExitStack() as others:
        waiting = await crowd(others, limit)
        second = asyncio.create_task(anext(pieces))
        await let_others_run(3)
        assert not second.done()
    assert (await second).count(b"\n") == 1
    await asyncio.gather(*waiting)
    assert log.told == 1
