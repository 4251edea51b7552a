"""Keeps a worker alive, and taking messages, while its Redis is lost, full or refuses, where kombu 5.7 does not.

Whatever Redis says to a note, an acknowledgement or a rejection, the worker's own account of it is settled: kombu
writes to Redis first and to its account after, so each refusal would cost one of the places in which messages are
taken, for as long as the worker lives. A message that Redis still holds as unacknowledged comes again after the
visibility time-out, and a message that comes twice does nothing.

When a connection is lost, kombu closes its channel and then still speaks through it: both fail with an AttributeError,
for what they need is gone, and that would end the consumer.

When Redis is full (maxmemory, noeviction), it hands messages out, and that is what makes room again. But it refuses the
note that they are unacknowledged, every transaction, and what kombu declares at a start. So acknowledgements are no
transactions here, and a worker starts without its declarations: nothing is routed by them. Of a message that is not
noted the worker alone knows, and puts it back itself.

The faults "Redis killed and restarted empty", "Redis full" and "Redis full while events are published through it" fail
without this.
"""

from typing import Any

import structlog
from kombu.transport.redis import Channel, QoS
from redis.exceptions import ResponseError

log = structlog.get_logger("flux.worker")


class OutageTolerantQoS(QoS):  # type: ignore[misc]
    """Puts back and acknowledges messages as far as Redis lets it, and lets go of them in any case."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - kombu has no types
        super().__init__(*args, **options)
        self.taken = 0
        """How many messages came through this channel so far."""
        self._not_noted: set[str] = set()

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - as above
        """Note a message as unacknowledged, in Redis if it takes it; it is out of its queue, and must not get lost."""
        self.taken += 1
        try:
            super().append(message, delivery_tag)
        except Exception as error:  # noqa: BLE001 - whatever it is, this is the message's only copy
            log.debug("message.not_noted", error=str(error), consequence="lost if this worker is killed")
            self._not_noted.add(delivery_tag)
            super(QoS, self).append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        self._settle(delivery_tag, requeue=False)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu calls it so
        """Let go of a message, or put it back to the end of its queue."""
        self._settle(delivery_tag, requeue=requeue)

    def restore_unacked(self, client: Any = None) -> None:  # noqa: ANN401 - as above
        """Put unacknowledged messages back, or leave them to the visibility time-out."""
        tags = list(self._delivered)
        for number, tag in enumerate(tags):
            try:
                self._put_back(tag, client)
            except Exception as error:  # noqa: BLE001 - AttributeError above all; whatever it is, the worker must live on
                log.info("broker.restore_skipped", error=str(error), count=len(tags) - number)
                break
        self._delivered.clear()
        self._not_noted.clear()

    def restore_visible(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as above
        """Put messages back that another worker did not acknowledge in time; another time if Redis refuses."""
        try:
            super().restore_visible(*args, **options)
        except ResponseError as error:
            log.debug("messages.not_restored", error=str(error))

    def _settle(self, delivery_tag: str, *, requeue: bool) -> None:
        try:
            if requeue:
                self._put_back(delivery_tag)
            elif delivery_tag not in self._not_noted:
                self._remove_from_indices(delivery_tag).execute()
        except Exception as error:  # noqa: BLE001 - as in restore_unacked
            log.info("broker.ack_skipped", error=str(error), consequence="it may come again, and does nothing then")
        finally:
            self._not_noted.discard(delivery_tag)
            super(QoS, self).ack(delivery_tag)

    def _put_back(self, delivery_tag: str, client: Any = None) -> None:  # noqa: ANN401 - as above
        if delivery_tag not in self._not_noted:
            self.restore_by_tag(delivery_tag, client=client, leftmost=True)
            return
        message = self._delivered[delivery_tag]
        where = message.delivery_info["exchange"], message.delivery_info["routing_key"]
        with self.channel.conn_or_acquire(client) as connection, connection.pipeline(transaction=False) as pipe:
            self.channel._do_restore_message(message._raw, *where, pipe, leftmost=True)  # noqa: SLF001 - no public way
            pipe.execute()

    def _remove_from_indices(self, delivery_tag: str, pipe: Any = None) -> Any:  # noqa: ANN401 - as above
        if pipe is not None:
            return super()._remove_from_indices(delivery_tag, pipe)
        with self.channel.conn_or_acquire() as client:
            return (
                client.pipeline(transaction=False)
                .hdel(self.unacked_key, delivery_tag)
                .zrem(self.unacked_index_key, delivery_tag)
            )


def survive_lost_connections() -> None:
    """Have every Redis channel of this process use it; `QoS` is where kombu lets one choose."""
    Channel.QoS = OutageTolerantQoS
    # kombu offers no other place
    Channel._queue_bind = _bind_if_allowed  # noqa: SLF001
    Channel._size = _size  # noqa: SLF001


_bind = Channel._queue_bind  # noqa: SLF001 - as above


def _bind_if_allowed(channel: Any, *args: Any) -> None:  # noqa: ANN401 - as above
    try:
        _bind(channel, *args)
    except ResponseError as error:
        log.debug("queue.not_declared", error=str(error))


def _size(channel: Any, queue: str) -> int:  # noqa: ANN401 - as above
    """Count what waits without a transaction; kombu does so for each declaration."""
    with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
        for priority in channel.priority_steps:
            pipe.llen(channel._q_for_pri(queue, priority))  # noqa: SLF001 - as above
        return sum(pipe.execute())
