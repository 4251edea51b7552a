"""Notify: what channels are to be told becomes messages, and these are sent until they have arrived."""

import asyncio
import time
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.notification import Notification
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

BUSY_SECONDS: Final = 0.1
MOST_AT_ONCE: Final = 4
"""How many messages this process sends at once: each may take as long as a server that hangs is waited for."""

PRUNE_SECONDS: Final = 3600.0
PRUNE_PAGE: Final = 5000

log = structlog.get_logger("flux.notify")


class Notifications(Protocol):
    """What notifying needs of the store."""

    async def register(self) -> None:
        """Have a row for each channel that the settings name."""
        ...

    async def compose(self) -> bool:
        """Make the message of one channel whose time has come; False when there is none such."""
        ...

    async def claim(self) -> Notification | None:
        """Lease a message that is due; None when there is none."""
        ...

    async def settle_sent(self, notification: Notification) -> bool:
        """Note that a message arrived, if the lease still holds."""
        ...

    async def settle_failed(self, notification: Notification, error: str) -> bool:
        """Note that a message did not arrive, if the lease still holds; it is tried again later."""
        ...

    async def prune(self, limit: int) -> None:
        """Forget up to so many of each that is long over."""
        ...


class Sender(Protocol):
    """What notifying needs of the channels: bounded in time, and whatever goes wrong is an answer."""

    async def send(self, notification: Notification) -> str | None:
        """Send a message; None when it was taken, or else why not, in a sentence that holds no secret."""
        ...


class Notify:
    """Makes and sends messages; any process may, and none twice but in the moment that docs/guarantees.md names.

    Args:
        notifications: the store.
        sender: sends to channels.
        idle_seconds: how long to rest while there is nothing to do; usually somebody looks, and says when there is.
    """

    def __init__(self, notifications: Notifications, sender: Sender, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._notifications = notifications
        self._sender = sender
        self._sending: set[asyncio.Task[None]] = set()
        self._is_registered = False
        self.sent = 0
        self.not_sent = 0
        """How many attempts to send a message came to that: one that did not arrive is tried again."""
        self._prune_at = time.monotonic() + PRUNE_SECONDS

    async def run_once(self) -> float:
        """Make the messages whose time has come, begin to send some, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        if not self._is_registered:
            await self._notifications.register()
            self._is_registered = True
        while await self._notifications.compose():
            failpoint.reach("notification_composed")
        await self._begin()
        if time.monotonic() > self._prune_at:
            await self._notifications.prune(PRUNE_PAGE)
            self._prune_at = time.monotonic() + PRUNE_SECONDS
        return BUSY_SECONDS if self._sending else self._idle_seconds

    async def stop(self) -> None:
        """Wait for what is being sent."""
        await asyncio.gather(*self._sending)

    async def _begin(self) -> None:
        while len(self._sending) < MOST_AT_ONCE:
            claimed = await self._notifications.claim()
            if claimed is None:
                return
            failpoint.reach("notification_claimed")
            task = asyncio.create_task(self._send(claimed))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, notification: Notification) -> None:
        try:
            error = await self._try(notification)
            failpoint.reach("notification_sent")
            if error is None:
                self.sent += 1
                await self._notifications.settle_sent(notification)
            else:
                self.not_sent += 1
                await self._notifications.settle_failed(notification, error)
        except Unavailable:
            # its lease ends, and it is sent again: where it was sent already, under the same id
            log.warning("notification.not_settled", notification=notification.id, channel=notification.channel)
            return
        failpoint.reach("notification_settled")
        _log(notification, error)

    async def _try(self, notification: Notification) -> str | None:
        try:
            return notification.trouble or await self._sender.send(notification)
        except Exception:
            # whatever it is, it is this message's: it waits like one that was refused, and holds up no other
            log.exception("notification.broken", notification=notification.id)
            return _BROKEN


_BROKEN: Final = "The message could not be made. The operator's log says more."


def _log(notification: Notification, error: str | None) -> None:
    about = {
        "notification": notification.id,
        "channel": notification.channel,
        "account": notification.account,
        "service": notification.service,
        "attempt": notification.attempt,
    }
    if error is None:
        log.info("notification.sent", **about)
    else:
        log.warning("notification.not_sent", reason=error, **about)
