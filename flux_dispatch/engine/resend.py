"""Resend: an event is sent again, under its own id and with the same bytes, because somebody asked for it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Protocol

from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.domain.resent import Resendable, Resent
from flux_dispatch.domain.webhook import Status, Webhook
from flux_dispatch.engine.flow.due import Queue, enqueue_due

STEP_SIZE: Final = 500
"""Webhooks in one transaction: a few tens of milliseconds of PostgreSQL's time. However many want an event, what waits
for its rows, or for a connection, waits for one step."""


class Events(Protocol):
    """What resending needs of the store."""

    async def find(self, account: AccountId, event: EventId) -> Resendable | None:
        """Return what is to be known of an event before it is sent again; None: there is none."""
        ...

    async def matching(
        self, account: AccountId, event_type: str, *, after: WebhookId | None, limit: int
    ) -> list[WebhookId]:
        """Return up to `limit` enabled webhooks that want this type, in the order of their ids, behind this one."""
        ...

    async def resend(self, account: AccountId, event: EventId, webhooks: Sequence[WebhookId]) -> list[Resent]:
        """Have an event due now at each of these webhooks, in one transaction; one that was disabled is left out."""
        ...


class Webhooks(Protocol):
    """What resending needs to know of the webhook that is named."""

    async def get(self, account: AccountId, webhook: WebhookId) -> Webhook | None:
        """Return a webhook that was not deleted."""
        ...


class Resend:
    """Has events sent again, to all enabled webhooks that want them now, or to one that is named."""

    def __init__(self, events: Events, webhooks: Webhooks, queue: Queue) -> None:
        self._events = events
        self._webhooks = webhooks
        self._queue = queue

    async def __call__(self, account: AccountId, event: EventId, webhook: WebhookId | None = None) -> list[DeliveryId]:
        """Return the deliveries of the event that are due now, or being attempted at this moment; one for each webhook.

        A webhook that is named gets the event whether it wants the type or not. Asking twice sends twice only what was
        delivered in between.

        Raises:
            NotFound: the account has no such event or webhook.
            InvalidRequest: 409, nobody wants it, or it cannot be sent again yet or ever; nothing is changed.
            Unavailable: the database is unavailable; part of it may be on its way, and the same may be asked for again.
        """
        found = await self._events.find(account, event)
        if found is None:
            raise NotFound(f"There is no {event}.")
        _check(found, event)
        if webhook is not None:
            await self._check_webhook(account, webhook)
            resent = await self._step(account, event, [webhook])
        else:
            resent = await self._send_to_all(account, event, found.type)
        if not resent:
            raise _unmatched(found.type)
        return resent

    async def _check_webhook(self, account: AccountId, webhook: WebhookId) -> None:
        found = await self._webhooks.get(account, webhook)
        if found is None:
            raise NotFound(
                f"There is no {webhook}, or not any more. Name another webhook, or none for all that want it."
            )
        if found.status is not Status.ENABLED:
            message = f"The webhook {webhook} is disabled. Enable it first, then resend."
            raise InvalidRequest(message, param="webhook", code="webhook_not_enabled", status=HTTPStatus.CONFLICT)

    async def _send_to_all(self, account: AccountId, event: EventId, event_type: str) -> list[DeliveryId]:
        resent: list[DeliveryId] = []
        after: WebhookId | None = None
        while webhooks := await self._events.matching(account, event_type, after=after, limit=STEP_SIZE):
            resent += await self._step(account, event, webhooks)
            after = webhooks[-1]
        return resent

    async def _step(self, account: AccountId, event: EventId, webhooks: Sequence[WebhookId]) -> list[DeliveryId]:
        resent = await self._events.resend(account, event, webhooks)
        enqueue_due(self._queue, account, [(each.delivery, each.attempt) for each in resent if each.is_due])
        return [each.delivery for each in resent]


def _check(found: Resendable, event: EventId) -> None:
    if found.is_test:
        message = f"{event} was a test of one webhook. Send another one with POST /v1/webhooks/wh_…/test."
        raise InvalidRequest(message, code="is_test", status=HTTPStatus.CONFLICT)
    if found.is_fanning_out:
        message = f"{event} is still on its way to the many webhooks that want it. Resend it in a few seconds."
        raise InvalidRequest(message, code="event_in_flight", status=HTTPStatus.CONFLICT)


def _unmatched(event_type: str) -> InvalidRequest:
    message = f"No enabled webhook of this account wants {event_type}, so nothing is sent. "
    message += "Create or enable one first, or name one in webhook."
    return InvalidRequest(message, code="unmatched", status=HTTPStatus.CONFLICT)
