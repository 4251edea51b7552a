"""Send a test: one webhook gets one POST, as real as any, and whoever asked for it sees what came back."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import Event, new_event, serialised, validate_event_type
from flux_dispatch.domain.event_type import EventType, object_in
from flux_dispatch.domain.example import default_type, example_of
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.domain.own_event_example import EXAMPLES
from flux_dispatch.domain.webhook import Webhook

MAX_WAITING: Final = 50
MAX_WAITING_OF_ACCOUNT: Final = 10
"""How many wait in this process at once, in all and of one account, whose slow receivers must not take the places of
all; further ones are told to look for themselves."""

FIRST_LOOK_SECONDS: Final = 0.05
MAX_LOOK_SECONDS: Final = 0.5
"""How long after its sending a test is first looked at, and at most between two looks: most receivers are quick."""

MARGIN: Final = timedelta(seconds=2)
"""What is waited beyond the time limit of the attempt, so that one that ran into it is seen, too."""


class Tests(Protocol):
    """What sending tests needs of the store."""

    async def add(self, event: Event, webhook: WebhookId) -> DeliveryId | None:
        """Store an event with one delivery to one webhook, a test; None, and nothing stored, if it is not enabled."""
        ...

    async def has_ended(self, delivery: DeliveryId) -> bool:
        """Say whether nothing more will come of a delivery."""
        ...


class Webhooks(Protocol):
    """What sending tests needs to know of the webhook."""

    async def get(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        ...


class EventTypes(Protocol):
    """What sending tests needs to know of the catalogue."""

    async def get(self, account: AccountId, name: str) -> EventType | None:
        """Return an event type."""
        ...


class Queue(Protocol):
    """What sending tests needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Clock(Protocol):
    """What sending tests needs to know of the time."""

    async def now(self) -> datetime:
        """Return the time."""
        ...


class SendTest:
    """Sends tests of webhooks: deliveries with one attempt, which alarm nobody.

    Args:
        tests: the store.
        webhooks: tells which event types a webhook names.
        event_types: the catalogue, which has examples.
        queue: told of the delivery.
        clock: the time that events are made at.
        delivery_timeout: how long an attempt may take.
    """

    def __init__(  # noqa: PLR0913 - one for each part that it works with
        self,
        tests: Tests,
        webhooks: Webhooks,
        event_types: EventTypes,
        queue: Queue,
        clock: Clock,
        *,
        delivery_timeout: timedelta,
    ) -> None:
        self._tests = tests
        self._webhooks = webhooks
        self._event_types = event_types
        self._queue = queue
        self._clock = clock
        self._patience_seconds = (delivery_timeout + MARGIN).total_seconds()
        self._waiting = Counter[AccountId]()
        self.stored_events = 0
        """How many tests were stored here."""

    async def __call__(self, account: AccountId, webhook: WebhookId, event_type: str | None = None) -> DeliveryId:
        """Return the test's delivery when it is committed; its type is this, or one that the webhook names.

        Raises:
            InvalidRequest: the type is none, or (409) the webhook is disabled; nothing is stored.
            NotFound: the account has no such webhook.
            Unavailable: the database is unavailable; whether the test is stored is not known.
        """
        found = await self._webhooks.get(account, webhook)
        if found is None:
            raise NotFound(f"There is no {webhook}.")
        event_type = default_type(found.events) if event_type is None else validate_event_type(event_type)
        data = example_of(event_type, webhook, await self._example(account, event_type))
        event = new_event(await self._clock.now(), account, event_type, serialised(data))
        delivery = await self._tests.add(event, webhook)
        if delivery is None:
            message = f"The webhook {webhook} is disabled, or was just deleted. Enable it first, then test it."
            raise InvalidRequest(message, code="webhook_not_enabled", status=HTTPStatus.CONFLICT)
        self.stored_events += 1
        self._queue.enqueue_deliveries([(account, delivery)], attempt=1, countdown_seconds=0)
        return delivery

    async def _example(self, account: AccountId, event_type: str) -> Mapping[str, Any] | None:
        if event_type in EXAMPLES:
            return EXAMPLES[event_type]
        listed = await self._event_types.get(account, event_type)
        return object_in(listed.example) if listed else None

    async def wait(self, account: AccountId, delivery: DeliveryId) -> None:
        """Return when a test of this account has ended, or when that takes longer than an attempt may.

        No transaction is open meanwhile. Where very many wait already, it returns at once.

        Raises:
            Unavailable: the database is unavailable.
        """
        if self._waiting.total() >= MAX_WAITING or self._waiting[account] >= MAX_WAITING_OF_ACCOUNT:
            return
        self._waiting[account] += 1
        try:
            await self._look_until_it_has_ended(delivery)
        finally:
            self._waiting[account] -= 1
            self._waiting += Counter()  # forgets those that have none

    async def _look_until_it_has_ended(self, delivery: DeliveryId) -> None:
        until, pause_seconds = time.monotonic() + self._patience_seconds, FIRST_LOOK_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(pause_seconds)
            if await self._tests.has_ended(delivery):
                return
            pause_seconds = min(2 * pause_seconds, MAX_LOOK_SECONDS)
