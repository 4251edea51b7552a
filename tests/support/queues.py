"""Queues that tests hand to verbs: what would be sent to the broker goes nowhere, or is noted."""

from collections.abc import Sequence

from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId


class SilentQueue:
    """A queue that tells nobody."""

    def enqueue_deliveries(self, *_: object, **__: object) -> None: ...

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None: ...

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None: ...


class NotingQueue:
    """Notes the first attempts that are to be made at once, and takes nothing else."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[AccountId, DeliveryId]] = []

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert (attempt, countdown_seconds) == (1, 0)
        self.enqueued += deliveries
