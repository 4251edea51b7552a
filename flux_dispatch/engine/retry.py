"""Retry: a delivery that waits, was given up or was canceled is attempted at once, because somebody asked for it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.retried import Receiving, Retried


class Deliveries(Protocol):
    """What retrying needs of the store."""

    async def retry(self, account: AccountId, delivery: DeliveryId) -> Retried | None:
        """Have a delivery that waits due now, and recover one that failed or was canceled; None: there is none."""
        ...


class Queue(Protocol):
    """What retrying needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Retry:
    """Has deliveries attempted at once."""

    def __init__(self, deliveries: Deliveries, queue: Queue) -> None:
        self._deliveries = deliveries
        self._queue = queue

    async def __call__(self, account: AccountId, delivery: DeliveryId) -> None:
        """Return when the delivery is due; one that had ended has all attempts of the retry policy before it again.

        Raises:
            NotFound: the account has no such delivery.
            InvalidRequest: 409, its state or its webhook does not allow it; nothing is changed.
            Unavailable: the database is unavailable; the same may be asked for again.
        """
        found = await self._deliveries.retry(account, delivery)
        if found is None:
            raise NotFound(f"There is no {delivery}.")
        if not found.is_moved:
            raise _refused(found)
        self._queue.enqueue_deliveries([(account, delivery)], attempt=found.attempt, countdown_seconds=0)


def _refused(found: Retried) -> InvalidRequest:
    if found.is_test:
        message = f"It was a test, which has one attempt. Send another with POST /v1/webhooks/{found.webhook}/test."
        return InvalidRequest(message, code="is_test", status=HTTPStatus.CONFLICT)
    match found.state, found.receiving:
        case State.SENDING, _:
            message = "It is being attempted at this moment. Look at it again in a few seconds."
            return InvalidRequest(message, code="delivery_in_flight", status=HTTPStatus.CONFLICT)
        case State.EXHAUSTED, _:
            message = "Its last attempt has just failed and it is being given up. Retry it in a second."
            return InvalidRequest(message, code="delivery_in_flight", status=HTTPStatus.CONFLICT)
        case State.DELIVERED, _:
            message = f"It was delivered. Send it once more with POST /v1/events/{found.event}/resend."
            return InvalidRequest(message, code="already_delivered", status=HTTPStatus.CONFLICT)
        case _, Receiving.DELETED:
            message = (
                f"Its webhook {found.webhook} was deleted. Create another one, and send the event to that with "
                f"POST /v1/events/{found.event}/resend."
            )
        case _:
            message = f"Its webhook {found.webhook} is disabled. Enable it first, then retry."
    return InvalidRequest(message, code="webhook_not_enabled", status=HTTPStatus.CONFLICT)
