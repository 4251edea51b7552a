"""Relay: what services wrote in the outbox, in transactions of their own, is published moments after their commit."""

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.errors import CallerError, IdempotencyConflict, InvalidRequest, NotFound
from flux_dispatch.domain.event import Event, StoredEvent, data_in, says_the_same
from flux_dispatch.domain.event_type import Mismatch, schema_mismatch
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outbox import Refused, WrittenEvent
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

PAGE: Final = 200
"""Events of one transaction, as of any other publication: some tens of milliseconds of PostgreSQL's time."""

WARM_SECONDS: Final = 0.25
"""How long to rest while events have come of late: more are likely. Looking costs a fraction of a millisecond."""

COLD_AFTER_SECONDS: Final = 30.0

BUSY_SECONDS: Final = 0.03
"""Where a page was not full: what comes meanwhile shares the next one."""

JUDGE_SECONDS: Final = 1.0
"""How long the data of one page may be checked: its transaction is open meanwhile. What is left comes with the next."""

log = structlog.get_logger("flux.publish")


class Page(Protocol):
    """What one transaction has taken of the outbox; nobody else has it in hand."""

    written: Sequence[WrittenEvent]

    async def store(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent | CallerError | None]:
        """Store events with their deliveries; one result for each, None for an account that is gone.

        An error stands for an event that cannot be stored, though others can.
        """
        ...

    async def earlier(self, event: Event) -> StoredEvent | None:
        """Return the event that was stored with the key of this one."""
        ...

    async def end(self, done: Sequence[WrittenEvent], refused: Sequence[Refused]) -> None:
        """Have what is done out of the outbox, and keep in it, with the reason, what cannot be published."""
        ...


class Outbox(Protocol):
    """What relaying needs of the store."""

    def take(self, limit: int) -> AbstractAsyncContextManager[Page]:
        """Take up to so many events that nobody else has in hand, accounts in turn; committed with the block's end."""
        ...


class Queue(Protocol):
    """What relaying needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Schemas(Protocol):
    """What relaying needs of the catalogue."""

    async def look_up(self, accounts: Iterable[AccountId]) -> None:
        """Find out which types of these accounts have a schema, of all together."""
        ...

    async def mismatch(self, account: AccountId, event_type: str, data_text: str) -> Mismatch | None:
        """Return where the data does not meet the schema of its type, None when it does or there is none."""
        ...


class Relay:
    """Looks for events in the outbox.

    That they are stored with their deliveries and that they are out of the outbox is one transaction: whatever a dying
    worker leaves undone, the next one finds as it was. What is not enqueued then, the sweeper finds.

    Args:
        outbox: the store.
        queue: told of the deliveries after the commit.
        schemas: what data must meet.
        first_delay: the retry table's delay before the first attempt.
        horizon: what is due later than this is left to the sweeper.
    """

    def __init__(
        self, outbox: Outbox, queue: Queue, schemas: Schemas, *, first_delay: timedelta, horizon: timedelta
    ) -> None:
        self._outbox = outbox
        self._queue = queue
        self._schemas = schemas
        self._first_delay = first_delay
        self._is_enqueued_at_once = first_delay <= horizon
        self._limit = PAGE
        self._warm_until = 0.0
        self.stored_events = 0
        """How many events were published from the outbox."""

    async def run_once(self) -> float:
        """Publish one page, and return after how many seconds to come again.

        A page that fails may have been too much for the time that one has, so the next one is half as large.

        Raises:
            Unavailable: the database is unavailable.
        """
        limit = self._limit
        self._limit = max(limit // 2, 1)
        pause = await self._relay_page(limit)
        self._limit = min(limit * 2, PAGE)
        return pause

    async def _relay_page(self, limit: int) -> float:
        async with self._outbox.take(limit) as page:
            if not page.written:
                return WARM_SECONDS if time.monotonic() < self._warm_until else IDLE_SECONDS
            judged = await self._judge(page)
            events = {written.id: event for written, event in judged if isinstance(event, Event)}
            failpoint.reach("before_relay")
            results = await page.store(list(events.values()), first_delay=self._first_delay)
            failpoint.reach("relay_stored")
            became = dict(zip(events, results, strict=True))
            ends = [(written, _end(written, event, became.get(written.id))) for written, event in judged]
            refused = [Refused(written, end) for written, end in ends if isinstance(end, CallerError)]
            kept = [each for each in refused if not isinstance(each.error, NotFound)]
            given_up = {each.written.id for each in kept}
            await page.end([written for written, _ in judged if written.id not in given_up], kept)
            failpoint.reach("relay_ended")
        failpoint.reach("after_relay")
        stored = [end for _, end in ends if isinstance(end, StoredEvent)]
        self.stored_events += len(stored)
        self._enqueue(stored)
        for each in refused:
            _log_refused(each)
        self._warm_until = time.monotonic() + COLD_AFTER_SECONDS
        return 0 if len(judged) == limit else BUSY_SECONDS

    async def _judge(self, page: Page) -> list[tuple[WrittenEvent, Event | CallerError | None]]:
        """Return for each its event, or why it is none; None for one that is known already."""
        judged: list[tuple[WrittenEvent, Event | CallerError | None]] = []
        began = time.monotonic()
        await self._schemas.look_up({written.account for written in page.written})
        for written in page.written:
            try:
                event = written.to_event()
                error = await self._mismatch(event)
                judged.append((written, event if error is None else await _unless_known(page, event, error)))
            except InvalidRequest as error:
                judged.append((written, error))
            if time.monotonic() - began > JUDGE_SECONDS:
                break
        return judged

    async def _mismatch(self, event: Event) -> InvalidRequest | None:
        try:
            found = await self._schemas.mismatch(event.account, event.type, data_in(event.body).text)
        except InvalidRequest as error:
            return error
        return None if found is None else schema_mismatch(event.type, found)

    def _enqueue(self, stored: Iterable[StoredEvent]) -> None:
        owed = [(each.event.account, delivery) for each in stored for delivery in each.deliveries]
        if owed and self._is_enqueued_at_once:
            self._queue.enqueue_deliveries(owed, attempt=1, countdown_seconds=self._first_delay.total_seconds())


async def _unless_known(page: Page, event: Event, error: InvalidRequest) -> CallerError | None:
    """Return the error, unless the event was stored before its type had the schema that refuses it now."""
    earlier = await page.earlier(event) if event.idempotency_key is not None else None
    return error if earlier is None else _conflict(earlier.event, event)


def _end(
    written: WrittenEvent, judged: Event | CallerError | None, became: StoredEvent | CallerError | None
) -> StoredEvent | CallerError | None:
    """Return what is new, or why there is nothing; None for what was known already."""
    if not isinstance(judged, Event):
        return judged
    if became is None:
        return NotFound(f"There is no account {written.account}.")
    if isinstance(became, StoredEvent) and became.is_duplicate:
        return _conflict(became.event, judged)
    return became


def _conflict(earlier: Event, event: Event) -> IdempotencyConflict | None:
    if earlier.type == event.type and says_the_same(data_in(earlier.body), data_in(event.body)):
        return None
    return IdempotencyConflict("This idempotency key was used with another event. Use a new key for a new event.")


def _log_refused(refused: Refused) -> None:
    written = refused.written
    log.warning(
        "publication.refused",
        reason=refused.error.message,
        code=refused.error.code,
        account=written.account,
        event_id=written.id,
        event_type=written.type,
        idempotency_key=written.idempotency_key,
        kept=not isinstance(refused.error, NotFound),
    )
