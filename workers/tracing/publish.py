"""Traced publishing: the first span of an event's trace, on every way that events come in, linked with its cause."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from opentelemetry.trace import SpanKind

from flux_dispatch.domain.errors import CallerError
from flux_dispatch.domain.event import Event, EventData, EventDraft, PublishResult, StoredEvent
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.domain.outbox import Refused, WrittenEvent
from flux_dispatch.engine.relay import Outbox, Page
from flux_dispatch.engine.send_test import Tests
from workers.tracing.spans import CAUSE, MAX_LINKS, Attributes, Span, SpanRecorder, publish_context_of
from workers.tracing.traces import Publish


class TracedPublish:
    """The verb, which records what it stored; an event that was known already is only linked with its cause."""

    def __init__(self, publish: Publish, recorder: SpanRecorder) -> None:
        self._publish = publish
        self._recorder = recorder

    @property
    def stored_events(self) -> int:
        """How many it has stored in this process."""
        return self._publish.stored_events

    async def __call__(
        self,
        account: AccountId,
        event_type: str,
        data: EventData | dict[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> PublishResult:
        """Return when the event is committed."""
        began_ns = time.time_ns()
        published = await self._publish(account, event_type, data, idempotency_key=idempotency_key)
        self._note(published, began_ns)
        return published

    async def batch(self, account: AccountId, drafts: Sequence[EventDraft]) -> list[PublishResult]:
        """Return when all of these events are committed, in one transaction."""
        began_ns = time.time_ns()
        results = await self._publish.batch(account, drafts)
        for each in results:
            self._note(each, began_ns)
        return results

    def _note(self, published: PublishResult, began_ns: int) -> None:
        record_published(
            self._recorder, published.event, began_ns, webhooks=published.webhooks, is_new=not published.is_replay
        )


class TracedOutbox:
    """The outbox; what was taken from it and stored is recorded once that is committed."""

    def __init__(self, outbox: Outbox, recorder: SpanRecorder) -> None:
        self._outbox = outbox
        self._recorder = recorder

    def take(self, limit: int) -> AbstractAsyncContextManager[Page]:
        """Take up to so many events that nobody else has in hand."""
        return self._take(limit)

    @asynccontextmanager
    async def _take(self, limit: int) -> AsyncIterator[Page]:
        async with self._outbox.take(limit) as page:
            traced = _TracedPage(page)
            yield traced
        for each in traced.stored:
            if not each.is_duplicate:
                began_ns = _nanoseconds(each.event.created_at)
                record_published(self._recorder, each.event, began_ns, webhooks=each.webhooks)


class _TracedPage:
    def __init__(self, page: Page) -> None:
        self._page = page
        self.written: Sequence[WrittenEvent] = page.written
        self.stored: list[StoredEvent] = []

    async def store(self, events: Sequence[Event], *, first_delay: timedelta) -> list[StoredEvent | CallerError | None]:
        """Store events with their deliveries, and remember which."""
        results = await self._page.store(events, first_delay=first_delay)
        self.stored += [each for each in results if isinstance(each, StoredEvent)]
        return results

    async def earlier(self, event: Event) -> StoredEvent | None:
        """Return the event that was stored with the key of this one."""
        return await self._page.earlier(event)

    async def end(self, done: Sequence[WrittenEvent], refused: Sequence[Refused]) -> None:
        """Have what is done out of the outbox."""
        await self._page.end(done, refused)


class TracedTests:
    """The store of tests, which records each as published."""

    def __init__(self, tests: Tests, recorder: SpanRecorder) -> None:
        self._tests = tests
        self._recorder = recorder

    async def add(self, event: Event, webhook: WebhookId) -> DeliveryId | None:
        """Store an event with one delivery to one webhook."""
        began_ns = time.time_ns()
        delivery = await self._tests.add(event, webhook)
        if delivery is not None:
            record_published(self._recorder, event, began_ns, webhooks=1)
        return delivery

    async def has_ended(self, delivery: DeliveryId) -> bool:
        """Say whether nothing more will come of a delivery."""
        return await self._tests.has_ended(delivery)


def record_published(
    recorder: SpanRecorder, event: Event, began_ns: int, *, webhooks: int, is_new: bool = True
) -> None:
    """Record that an event was stored since this time, and link it with what caused it, both ways."""
    context = publish_context_of(event.id, is_sampled=recorder.takes(event.id))
    cause = CAUSE.get()
    if cause is not None and len(cause.published) < MAX_LINKS:
        cause.published.append(context)
    if not is_new:
        return
    attributes: Attributes = {
        "messaging.system": "flux_dispatch",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": event.type,
        "messaging.message.id": event.id,
        "messaging.message.body.size": len(event.body),
        "flux.account.id": event.account,
        "flux.event.webhooks": webhooks,
    }
    links = [cause.context] if cause is not None and cause.context.trace_flags.sampled else []
    name = f"publish {event.type}"
    recorder.record(Span(name, context, SpanKind.PRODUCER, began_ns, time.time_ns(), attributes, links=links))


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1000
