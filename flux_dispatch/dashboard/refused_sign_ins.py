"""Tells the audit log of sign-ins that were refused: bounded, so that guessing keys fills no disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import structlog
from aiohttp import web

from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind
from flux_dispatch.domain.dashboard_session import SignInRefusal
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.acting import acting, acting_as

WINDOW_SECONDS: Final = 600
"""For how long further refusals to one address are counted, and told as one entry."""

MAX_ADDRESSES: Final = 50
"""How many addresses are told apart in that time; those of all others are counted together."""

SEVERAL: Final = "several"
"""The reason of those that had more than one."""

log = structlog.get_logger("flux.dashboard")

Write = Callable[[AccountId | None, str, int], Awaitable[None]]
"""Writes that sign-ins of an account's keys or links (None: of nobody known) were refused, why, and how often."""


@dataclass(slots=True)
class _Counted:
    """What came from one address since the first was told."""

    first: Acting
    timer: asyncio.TimerHandle
    times: int = 0
    actors: set[Actor] = field(default_factory=set)
    accounts: set[AccountId | None] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)


class RefusedSignIns:
    """Has the first refusal to an address told at once, and the number of further ones when the window is over.

    Args:
        write: writes an entry, for whoever acts.
        window_seconds: how long the window is.
    """

    def __init__(self, write: Write, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._write = write
        self._window_seconds = window_seconds
        self._counted: dict[str, _Counted] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def note(self, account: AccountId | None, reason: SignInRefusal) -> None:
        """Tell, or count, that whoever acts could not sign in.

        Raises:
            Unavailable: the database is unavailable.
        """
        source = self._source(acting().address)
        counted = self._counted.get(source)
        if counted is not None:
            counted.times += 1
            counted.actors.add(acting().actor)
            counted.accounts.add(account)
            counted.reasons.add(reason)
            return
        timer = asyncio.get_running_loop().call_later(self._window_seconds, self._end, source)
        self._counted[source] = _Counted(acting(), timer)
        await self._write(account, reason.value, 1)

    async def close(self) -> None:
        """Tell what was counted until now."""
        for source in list(self._counted):
            self._end(source)
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _source(self, address: str | None) -> str:
        """Return what counts as one address: of IPv6 a network, for whoever has one address has all of that."""
        if address is None:
            return ""
        parsed = ip_address(address)
        source = str(ip_network(f"{address}/64", strict=False)) if isinstance(parsed, IPv6Address) else address
        return source if source in self._counted or len(self._counted) < MAX_ADDRESSES else ""

    def _end(self, source: str) -> None:
        counted = self._counted.pop(source)
        counted.timer.cancel()
        if counted.times:
            # of many addresses that are counted together none is told
            come = counted.first if source else Acting(counted.first.actor)
            task = asyncio.get_running_loop().create_task(self._tell(counted, come))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _tell(self, counted: _Counted, come: Acting) -> None:
        # the first was told already: whose key that was says nothing of these
        (actor,) = counted.actors if len(counted.actors) == 1 else (Actor(ActorKind.NOBODY),)
        (account,) = counted.accounts if len(counted.accounts) == 1 else (None,)
        (reason,) = counted.reasons if len(counted.reasons) == 1 else (SEVERAL,)
        try:
            with acting_as(lambda: replace(come, actor=actor)):
                await self._write(account, reason, counted.times)
        except Unavailable as error:
            log.warning("sign_ins.not_told", times=counted.times, address=come.address, cause=error.cause)


REFUSED_SIGN_INS: Final = web.AppKey("refused_sign_ins", RefusedSignIns)
"""Where a handler finds it: `request.app[REFUSED_SIGN_INS]`."""
