"""What comes through Redis and is not even a message: kept in one line, where kombu 5.7 ends the consumer.

It reads JSON and takes it for an envelope. Text that is none, or nested without end, raises what ends the worker; an
envelope without its parts raises a KeyError, which kombu takes for a lost connection, so everything is begun anew.
"""

import json
from queue import Empty
from typing import Any, Final

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport.redis import Channel

from workers.refused import keep

MAX_DIGITS: Final = "4300 digits"
"""Python reads no longer integers, and says so in words that have this in them."""

log = structlog.get_logger("flux.worker")


class Unreadable(ValueError):
    """Something that is no message; `text` is what came."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(why)
        self.text = text


class CheckedMessage(Channel.Message):  # type: ignore[misc]
    """A message whose envelope has all its parts."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:  # noqa: ANN401 - kombu has no types
        try:
            super().__init__(payload, channel=channel, **options)
            parts = (self.headers, self.properties, self.delivery_info)
            is_whole = isinstance(self.delivery_tag, str) and all(isinstance(each, dict) for each in parts)
        except (LookupError, TypeError, ValueError, AttributeError):
            is_whole = False
        if not is_whole:
            raise Unreadable("its envelope lacks what Celery writes.", json.dumps(payload))


def refuse_what_is_no_message() -> None:
    """Have every Redis channel of this process do so; `Message` is where kombu lets one choose."""
    Channel.Message = CheckedMessage
    # kombu offers no other place
    kombu_redis.loads = _load
    Channel._brpop_read = _read_or_refuse  # noqa: SLF001
    Channel._receive = _receive_or_refuse  # noqa: SLF001


def why_unreadable(error: BaseException) -> str:
    """Return in words why JSON could not be read; what Python says of a number is for whoever runs it."""
    said = str(error)[:200]
    return f"{said}." if MAX_DIGITS not in said else f"it holds an integer of over {MAX_DIGITS}: send it as text."


_loads = kombu_redis.loads
_read = Channel._brpop_read  # noqa: SLF001 - as above
_receive = Channel._receive  # noqa: SLF001 - as above


def _load(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return _loads(text)
    except Exception as error:  # noqa: BLE001 - RecursionError above all; whatever it is, the worker must live on
        raise Unreadable(why_unreadable(error), text) from None


def _read_or_refuse(channel: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu has no types
    """Read the next message of a queue."""
    try:
        return _read(channel, **options)
    except Unreadable as error:
        _refuse(channel, error, queue=channel._queue_cycle.items[-1])  # noqa: SLF001 - the queue that it came from
        raise Empty from None


def _receive_or_refuse(channel: Any) -> Any:  # noqa: ANN401 - as above
    """Receive what is for every worker, and has arrived: commands and events."""
    while True:
        try:
            return _receive(channel)
        except Unreadable as error:
            _refuse(channel, error, queue="broadcast")
        connection = channel.subclient.connection
        if connection is None or not connection.can_read(timeout=0):
            raise Empty


def _refuse(channel: Any, error: Unreadable, queue: str) -> None:  # noqa: ANN401 - as above
    why = f"It is no Celery message: {error}"
    with channel.conn_or_acquire() as client:
        is_kept = keep(client, why=why, message=error.text, queue=queue)
    log.error("message.refused", reason=why, queue=queue, kept=is_kept)
