"""Queues that tests hand to verbs: what would be sent to the broker goes nowhere."""

from collections.abc import Sequence

from flux_dispatch.domain.ids import AlertId, DeliveryId


class SilentQueue:
    """A queue that tells nobody."""

    def enqueue_deliveries(self, *_: object, **__: object) -> None: ...

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None: ...

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None: ...
