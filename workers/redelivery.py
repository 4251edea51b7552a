"""Keeps a worker alive over the loss of its Redis, where kombu 5.7 ends it.

When a connection is lost, kombu closes its channel and then still speaks through it: it puts unacknowledged messages
back, and tasks that end later acknowledge theirs. Both fail with an AttributeError, for what they need is gone, and
that ends the consumer. Neither is needed: Redis hands such messages out again after the visibility time-out, and a
message that comes twice does nothing. tests/faults ("Redis killed and restarted empty") fails without this.
"""

from typing import Any

import structlog
from kombu.transport.redis import Channel, QoS

log = structlog.get_logger("flux.worker")


class ForgivingQoS(QoS):  # type: ignore[misc]
    """Puts back and acknowledges messages while their connection lives, and lets go of them after."""

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401 - kombu has no types
        """Put unacknowledged messages back, or leave them to the visibility time-out."""
        try:
            super().restore_unacked(client)
        except Exception as error:  # noqa: BLE001 - AttributeError above all; whatever it is, the worker must live on
            log.info("messages.not_put_back", error=str(error), count=len(self._delivered))
            self._delivered.clear()

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, unless its connection is gone."""
        try:
            super().ack(delivery_tag)
        except AttributeError:
            log.info("message.not_acknowledged", consequence="it comes again, and does nothing")


def survive_lost_connections() -> None:
    """Have every Redis channel of this process use it; `QoS` is where kombu lets one choose."""
    Channel.QoS = ForgivingQoS
