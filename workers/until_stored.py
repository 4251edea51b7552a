"""Publishing from a message, the only copy of its event: tried until that is stored, or surely never can be."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from flux_dispatch.domain.errors import CallerError, InternalError, Unavailable
from flux_dispatch.domain.event import PublishResult
from workers.publication import Publication
from workers.tracing.traces import Publish

FIRST_PAUSE_SECONDS: Final = 0.2
MAX_PAUSE_SECONDS: Final = 5.0

MAX_TRIES: Final = 12
"""Of a message that fails though the database is available, while others are stored: 40 seconds."""

MAX_SECONDS: Final = 900.0
"""The same, while no other is stored in this process: then the trouble may well be the database's."""

log = structlog.get_logger("flux.publish")


class Stopped(Exception):
    """The worker ends; nothing is known to be stored."""


class CannotBeStored(InternalError):
    """Something in this one message, not foreseen, keeps it from being stored; the message holds the last error."""

    code = "cannot_be_stored"


@dataclass(slots=True)
class _Failures:
    """Of one message, in a row; `since` is monotonic seconds, `stored_before` how many others were stored by then."""

    since: float
    stored_before: int
    count: int = 0


class UntilStored:
    """Stores publications, however long the database is unavailable.

    Args:
        publish: the verb.
        sleep: waits for so many seconds, or until the worker ends; says whether it goes on.
        now: monotonic seconds.
    """

    def __init__(
        self, publish: Publish, sleep: Callable[[float], Awaitable[bool]], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._publish = publish
        self._sleep = sleep
        self._now = now
        self._stored = 0
        self._waiting = 0

    async def __call__(self, publication: Publication) -> PublishResult:
        """Return when it is stored.

        Raises:
            CallerError: it is not what it must be.
            CannotBeStored: it fails again and again, and others do not.
            Stopped: the worker ends.
        """
        pause, failures = FIRST_PAUSE_SECONDS, None
        while True:
            try:
                return await self._try(publication)
            except CallerError:
                raise
            except Unavailable as error:
                trouble: Exception = error
                failures = None
            except Exception as error:
                # whatever it is, this message is the event's only copy
                trouble = error
                failures = failures or _Failures(self._now(), self._stored)
                failures.count += 1
                if self._is_its_own_fault(failures):
                    message = f"It failed {failures.count} times: {type(error).__name__}: {_in_one_line(error)}"
                    raise CannotBeStored(message) from error
            await self._wait(pause, trouble)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _is_its_own_fault(self, failures: _Failures) -> bool:
        if failures.count >= MAX_TRIES and self._stored > failures.stored_before:
            return True
        return self._now() - failures.since > MAX_SECONDS

    async def _try(self, publication: Publication) -> PublishResult:
        published = await self._publish(
            publication.account,
            publication.type,
            publication.data,
            idempotency_key=publication.idempotency_key,
        )
        self._stored += 1
        return published

    async def _wait(self, seconds: float, trouble: Exception) -> None:
        if not self._waiting:
            log.warning("publications.wait", error=_in_one_line(trouble), consequence="tried until they are stored")
        self._waiting += 1
        goes_on = await self._sleep(seconds)
        self._waiting -= 1
        if not goes_on:
            raise Stopped("The worker ends; the message goes back to its queue.")


def _in_one_line(error: Exception) -> str:
    """The first line: what a driver adds below may hold what was to be stored."""
    return (str(error).splitlines() or [""])[0][:200]
