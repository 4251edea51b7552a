"""Enqueues what a verb has made due at once: the deliveries of one account, those of one attempt's number together."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from flux_dispatch.domain.ids import AccountId, DeliveryId


class Queue(Protocol):
    """What enqueuing needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


def enqueue_due(queue: Queue, account: AccountId, due: Iterable[tuple[DeliveryId, int]]) -> None:
    """Have deliveries tried now, each given with the 1-based number of its next attempt."""
    by_attempt: dict[int, list[tuple[AccountId, DeliveryId]]] = {}
    for delivery, attempt in due:
        by_attempt.setdefault(attempt, []).append((account, delivery))
    for attempt, deliveries in by_attempt.items():
        queue.enqueue_deliveries(deliveries, attempt=attempt, countdown_seconds=0)
