"""Publish: an event is stored with one delivery for each webhook that wants it, then these are enqueued."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from flux_dispatch.domain.errors import IdempotencyConflict, InvalidRequest, MalformedId, NotFound, Unavailable
from flux_dispatch.domain.event import (
    Event,
    EventData,
    EventDraft,
    PublishResult,
    StoredEvent,
    data_in,
    new_event,
    says_the_same,
    serialised,
    validate_publishable_type,
)
from flux_dispatch.domain.event_type import Mismatch, schema_mismatch
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.batcher import BatchedCall, Call, InTurn, Linger
from flux_dispatch.engine.flow.fan_out_estimate import FanOutEstimate
from flux_dispatch.engine.flow.publish_log import PublishLog

COMMIT_BATCH_SIZE: Final = 200
MAX_DELIVERIES: Final = 2000
"""How many deliveries the events of one commit may be expected to make: a commit of very many keeps others waiting."""

HEAVY_FROM: Final = 100
"""Events of which more deliveries are expected are committed apart from the others, in turns of their accounts."""

LINGER: Final = Linger(0, 0.0001, 0.002)
"""Who publishes alone does not wait; where many do, two milliseconds save each of them much of what a commit costs."""

MAX_IDEMPOTENCY_KEY_LENGTH: Final = 255

MAX_BATCH: Final = 1000
"""How many events one batch may have."""

BATCH_TRIES: Final = 5
"""How often a batch is begun anew because others stored events with keys of its own since it looked for them."""


class Events(Protocol):
    """What publishing needs of the store."""

    async def create(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent | None]:
        """Store events with their deliveries in one transaction; one result for each, None for an unknown account."""
        ...

    async def create_all(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent] | None:
        """Store events of one account, all or (a key is known: None, the account is not: an empty list) none."""
        ...

    async def earlier(self, events: Sequence[Event]) -> Mapping[tuple[AccountId, str | None], StoredEvent]:
        """Return the events that were stored with the keys of these, by account and key."""
        ...


class Queue(Protocol):
    """What publishing needs of the broker: never waits, never fails; a lost message is made up for by the sweeper."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Clock(Protocol):
    """What publishing needs to know of the time: the one clock by which ids and times of events are made."""

    async def now(self) -> datetime:
        """Return the time."""
        ...


class Schemas(Protocol):
    """What publishing needs of the catalogue."""

    async def mismatch(self, account: AccountId, event_type: str, data_text: str) -> Mismatch | None:
        """Return where the data does not meet the schema of its type, None when it does or there is none."""
        ...


class _NoSchemas:
    """A catalogue without schemas."""

    async def mismatch(self, account: AccountId, event_type: str, data_text: str) -> Mismatch | None:  # noqa: ARG002
        return None


class Publish:
    """Stores events; those that come together share one commit and then share messages.

    Args:
        events: the store.
        queue: told of the deliveries after the commit.
        clock: the time that events are made at.
        first_delay: the retry table's delay before the first attempt.
        horizon: what is due later than this is left to the sweeper.
        schemas: what data must meet; without it, anything will do.
    """

    def __init__(  # noqa: PLR0913 - one part for each thing that it needs of the world
        self,
        events: Events,
        queue: Queue,
        clock: Clock,
        *,
        first_delay: timedelta,
        horizon: timedelta,
        schemas: Schemas | None = None,
    ) -> None:
        self._events = events
        self._queue = queue
        self._clock = clock
        self._schemas = schemas or _NoSchemas()
        self._first_delay = first_delay
        self._is_enqueued_at_once = first_delay <= horizon
        self._expected = FanOutEstimate()
        self._log = PublishLog()
        self.stored_events = 0
        """How many events were stored here; those that were known already do not count."""
        self._store_light = self._batched(max_concurrent=2)
        self._store_heavy = self._batched(max_concurrent=1)
        # one at a time, accounts in turn: what a batch may cost, its account waits for and no other
        batches = InTurn[Call[Sequence[Event], list[StoredEvent]]](
            lambda call: call[0][0].account, lambda call: len(call[0]), 1
        )
        self._store_batch = BatchedCall(self._commit_batches, most=1, max_concurrent=1, queue=batches)

    async def __call__(
        self,
        account: AccountId,
        event_type: str,
        data: EventData | dict[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> PublishResult:
        """Return when the event is committed.

        Data that came as JSON text is stored in these very words, data that came as objects is written once.

        Raises:
            InvalidRequest: the account's id, the type, the data or the key is not what it must be; nothing is stored.
            NotFound: there is no such account. IdempotencyConflict: the key was used with another type or other data.
            Unavailable: the database is unavailable; whether the event is stored is not known, so send it again with
            its key.
        """
        _check(account, event_type, data, idempotency_key)
        text = _as_text(data)
        event = new_event(await self._clock.now(), account, event_type, text, idempotency_key)
        if (error := await self._refusal(event, text)) is not None:
            return await self._replayed(event, error)
        is_heavy = self._expected.deliveries_of(event) > HEAVY_FROM
        stored = await (self._store_heavy(event) if is_heavy else self._store_light(event))
        if stored is None:
            raise _no_account(account)
        if stored.is_duplicate:
            _check_same(stored.event, event)
        published = PublishResult(stored.event, stored.webhooks, stored.is_duplicate)
        self._log.note(published)
        return published

    async def batch(self, account: AccountId, drafts: Sequence[EventDraft]) -> list[PublishResult]:
        """Return when all of these 1 to 1000 events are committed, in one transaction; one result for each, in order.

        An event whose key is known with the same type and data is not stored again, as if it came alone.

        Raises:
            InvalidRequest, IdempotencyConflict: as for one event, with where it stands in the batch; also for a key
            that two of them have. Nothing is stored, whatever it is that one of them raises.
            NotFound, Unavailable: as for one event.
        """
        _check_batch(account, drafts)
        now = await self._clock.now()
        events = [new_event(now, account, each.type, each.data, each.idempotency_key) for each in drafts]
        for index, (event, draft) in enumerate(zip(events, drafts, strict=True)):
            if (error := await self._refusal(event, draft.data)) is not None:
                await self._replayed(event, error.within(f"events[{index}]"), f"events[{index}].idempotency_key")
        stored = await self._store_batch(events)
        published = [PublishResult(each.event, each.webhooks, each.is_duplicate) for each in stored]
        self._log.note(published[0], events=len(published))
        return published

    async def _refusal(self, event: Event, data: EventData) -> InvalidRequest | None:
        """Return why this data is refused by the schema of its type, None when it is not."""
        try:
            found = await self._schemas.mismatch(event.account, event.type, data.text)
        except InvalidRequest as error:
            return error
        return None if found is None else schema_mismatch(event.type, found)

    async def _replayed(self, event: Event, error: InvalidRequest, param: str | None = None) -> PublishResult:
        """Return what was stored with this key before its type had the schema that refuses it now, else raise why.

        Only what is refused is looked up first, so all else costs no statement more.
        """
        earlier = await self._events.earlier([event]) if event.idempotency_key is not None else {}
        if (found := earlier.get((event.account, event.idempotency_key))) is None:
            raise error
        _check_same(found.event, event, param=param)
        return PublishResult(found.event, found.webhooks, is_replay=True)

    async def _commit_batches(self, batches: list[Sequence[Event]]) -> list[list[StoredEvent]]:
        return [await self._commit_batch(events) for events in batches]

    async def _commit_batch(self, events: Sequence[Event]) -> list[StoredEvent]:
        for _ in range(BATCH_TRIES):
            keyed = [event for event in events if event.idempotency_key is not None]
            earlier = await self._events.earlier(keyed) if keyed else {}
            known = {
                event.id: found for event in keyed if (found := earlier.get((event.account, event.idempotency_key)))
            }
            for index, event in enumerate(events):
                if event.id in known:
                    _check_same(known[event.id].event, event, param=f"events[{index}].idempotency_key")
            if (stored := await self._store_all([event for event in events if event.id not in known])) is not None:
                fresh = iter(stored)
                return [known.get(event.id) or next(fresh) for event in events]
        raise Unavailable("Others publish with the same idempotency keys at this moment. Send the batch again.")

    async def _store_all(self, events: list[Event]) -> list[StoredEvent] | None:
        if not events:
            return []
        failpoint.reach("before_publish")
        stored = await self._events.create_all(events, first_delay=self._first_delay)
        failpoint.reach("after_publish")
        if stored is None:
            return None
        if not stored:
            raise _no_account(events[0].account)
        self._note(stored)
        return stored

    def _batched(self, max_concurrent: int) -> BatchedCall[Event, StoredEvent | None]:
        queue = InTurn[Call[Event, StoredEvent | None]](
            lambda call: call[0].account, lambda call: self._expected.deliveries_of(call[0]), MAX_DELIVERIES
        )
        return BatchedCall(
            self._commit, most=COMMIT_BATCH_SIZE, max_concurrent=max_concurrent, linger=LINGER, queue=queue
        )

    async def _commit(self, events: list[Event]) -> list[StoredEvent | None]:
        failpoint.reach("before_publish")
        stored = await self._events.create(events, first_delay=self._first_delay)
        failpoint.reach("after_publish")
        self._note(stored)
        return stored

    def _note(self, stored: Sequence[StoredEvent | None]) -> None:
        self._expected.note(stored)
        fresh = [each for each in stored if each and not each.is_duplicate]
        self.stored_events += len(fresh)
        if self._is_enqueued_at_once:
            self._enqueue(fresh)

    def _enqueue(self, fresh: list[StoredEvent]) -> None:
        owed = [(each.event.account, delivery) for each in fresh for delivery in each.deliveries]
        self._queue.enqueue_deliveries(owed, attempt=1, countdown_seconds=self._first_delay.total_seconds())


def _as_text(data: EventData | dict[str, Any]) -> EventData:
    return data if isinstance(data, EventData) else serialised(data)


def _check(account: object, event_type: object, data: object, key: object) -> None:
    """Check everything that can be wrong with one event by itself, before it joins others in a commit.

    What comes through Celery has passed no other check, so nothing is taken for granted, its types least of all.
    """
    if not isinstance(account, str):
        raise MalformedId(Prefix.ACCOUNT, repr(account))
    parse_id(Prefix.ACCOUNT, account)
    if not isinstance(event_type, str):
        raise InvalidRequest("An event type is a text.", param="type", code="invalid_event_type")
    validate_publishable_type(event_type)
    if not isinstance(data, dict | EventData):
        raise InvalidRequest("The data of an event is a JSON object.", param="data")
    _check_key(key)


def _check_batch(account: AccountId, drafts: Sequence[EventDraft]) -> None:
    if not 0 < len(drafts) <= MAX_BATCH:
        raise InvalidRequest(f"A batch has 1 to {MAX_BATCH} events.", param="events")
    seen: dict[str, int] = {}
    for index, draft in enumerate(drafts):
        key = draft.idempotency_key
        try:
            _check(account, draft.type, draft.data, None)
            _check_key(key, param="idempotency_key")
        except InvalidRequest as error:
            raise error.within(f"events[{index}]") from None
        if key is not None and seen.setdefault(key, index) != index:
            message = f"events[{seen[key]}] has the same idempotency key. Give each event of a batch its own, or none."
            raise InvalidRequest(message, param=f"events[{index}].idempotency_key", code="invalid_idempotency_key")


def _check_key(key: object, *, param: str = "Idempotency-Key") -> None:
    if key is None:
        return
    if not isinstance(key, str) or not (
        0 < len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and key.isascii() and key.isprintable()
    ):
        message = f"An idempotency key is 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters."
        raise InvalidRequest(message, param=param, code="invalid_idempotency_key")


def _no_account(account: AccountId) -> NotFound:
    return NotFound(f"There is no account {account}.")


def _check_same(earlier: Event, event: Event, *, param: str | None = None) -> None:
    if earlier.type != event.type or not says_the_same(data_in(earlier.body), data_in(event.body)):
        message = "This idempotency key was used with another event. Use a new key for a new event."
        raise IdempotencyConflict(message, param=param)
