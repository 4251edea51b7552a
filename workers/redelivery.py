"""Keeps a worker alive while its Redis is lost or full, where kombu 5.7 ends it.

When a connection is lost, kombu closes its channel and then still speaks through it: it puts unacknowledged messages
back, and tasks that end later acknowledge theirs. Both fail with an AttributeError, for what they need is gone, and
that ends the consumer. Neither is needed: Redis hands such messages out again after the visibility time-out, and a
message that comes twice does nothing.

When Redis is full (maxmemory, noeviction), it hands messages out but refuses the note that they are unacknowledged, and
that refusal ends the consumer too. Without the note a message is lost if the worker dies, which the planner mends.

The faults "Redis killed and restarted empty" and "Redis full" fail without this.
"""

from typing import Any

import structlog
from kombu.transport.redis import Channel, QoS
from redis.exceptions import ResponseError

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

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - as above
        """Note a message as unacknowledged, in Redis if it takes it."""
        try:
            super().append(message, delivery_tag)
        except ResponseError:
            super(QoS, self).append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, unless its connection is gone or Redis refuses."""
        try:
            super().ack(delivery_tag)
        except (AttributeError, ResponseError):
            log.info("message.not_acknowledged", consequence="it may come again, and does nothing then")


def survive_lost_connections() -> None:
    """Have every Redis channel of this process use it; `QoS` is where kombu lets one choose."""
    Channel.QoS = ForgivingQoS
