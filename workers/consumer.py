"""Celery's consumer as this engine wants it: it outlives whatever its broker answers, and destroys nobody's message.

Task events go together, a broker that came back is soon found, a consumer that stands still is begun anew, and what
is not ours goes back or is kept.
"""

import errno
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from celery.worker import state
from celery.worker.consumer import Consumer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.celeryconfig import PRIORITIES, PRODUCERS_QUEUE
from config.task_table import TASK_PREFIX
from workers.broker_clock import broker_clock
from workers.refused import keep
from workers.unreadable import why_unreadable

EVENT_SECONDS: Final = 0.1
"""How long events wait for others; Celery sends them earlier when there are 24, and otherwise one or two at a time."""

MAX_PAUSE_SECONDS: Final = 4
"""Between two tries to reach a broker that is unavailable, or that refuses; kombu's would grow to 30."""

FIRST_PAUSE_SECONDS: Final = 0.25
CALM_SECONDS: Final = 10
"""A consumer that lived so long is begun anew at once, and not after a pause."""

LOOK_SECONDS: Final = 20
"""How often a consumer that takes nothing looks whether something waits: one Redis command. At the second look in a row
that finds something it is begun anew."""

FOREIGN_SECONDS: Final = 30
"""How long a worker leaves a queue to another application that uses it, too."""

JSON: Final = "application/json"

ENVELOPE_BYTES: Final = 4096
"""What a message may have besides its event."""

log = structlog.get_logger("flux.worker")


class StandsStill(ConnectionError):
    """Messages wait, there is room for them, and none comes: Celery begins the consumer anew."""


class OutOfFiles(ConnectionError):
    """No more files may be opened now; without the system's number for it, at which Celery would end the worker."""


class FluxConsumer(Consumer):  # type: ignore[misc]
    """`worker_consumer` is where Celery lets one choose it."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """Starts the consumer's parts, and runs until it is to be begun anew."""

        def start(self, parent: Any) -> None:  # noqa: ANN401 - kombu has no types
            """Take a want of files for a lost connection: some are free again soon, and deliveries go on meanwhile."""
            try:
                super().start(parent)
            except (OSError, OperationalError) as error:
                if _lacks_files(error):
                    raise OutOfFiles(str(error)) from error
                raise

    _is_flush_due = False
    _began_at = 0.0
    _short_lives = 0
    _taken = -1
    _is_suspected = False

    def on_send_event_buffered(self) -> None:
        """Have what is buffered sent soon."""
        if self.hub and not self._is_flush_due:
            self._is_flush_due = True
            self.hub.call_later(EVENT_SECONDS, self._flush_soon)

    def ensure_connected(self, conn: Any) -> Any:  # noqa: ANN401 - kombu has no types
        """Return the connection when it is made, however long that takes."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=MAX_PAUSE_SECONDS)
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Rest, for the broker answers and refuses."""
        super().on_connection_error_before_connected(exc)
        self._rest()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Rest if the connection did not last."""
        super().on_connection_error_after_connected(exc)
        self._rest()

    def register_with_event_loop(self, hub: Any) -> None:  # noqa: ANN401 - as above
        """Begin to watch over what is taken; Celery ends that with the connection."""
        super().register_with_event_loop(hub)
        self._began_at = time.monotonic()
        self._taken, self._is_suspected = -1, False
        hub.call_repeatedly(LOOK_SECONDS, self._check_for_messages)

    def update_strategies(self) -> None:
        """Know our own tasks only: Celery's built-in ones, like `celery.map`, are another application's here."""
        super().update_strategies()
        for name in [name for name in self.strategies if not name.startswith(TASK_PREFIX)]:
            del self.strategies[name]

    def create_task_handler(self) -> Callable[[Any], None]:
        """Return what takes a message in; whatever is wrong with one, the next ones are taken."""
        take = super().create_task_handler()
        max_bytes = self.app.flux_settings.max_body_bytes + ENVELOPE_BYTES

        def take_or_refuse(message: Any) -> None:  # noqa: ANN401 - as above
            if not _is_foreign(message) and (why := _unfit(message, max_bytes)):
                self._refuse(message, why)
                return
            try:
                _set_by_this_clock(message)
                take(message)
            except (RedisError, OSError):
                raise  # the broker's fault, not the message's
            except Exception as error:  # noqa: BLE001 - it would end the worker, and the next one that takes it
                self._refuse(message, f"It is no Celery message: {type(error).__name__}: {str(error)[:200]}")

        return take_or_refuse

    def on_unknown_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ANN401, ARG002 - as above
        """Give back or keep the task of another application, or of another release of ours."""
        self._refuse(message, "There is no such task here.")

    def on_unknown_message(self, body: object, message: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Give back or keep what is no task."""
        self._refuse(message, "It is no Celery task.")

    def on_invalid_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ANN401, ARG002 - as above
        """Keep a task that cannot be read."""
        self._refuse(message, f"It cannot be read: {str(exc)[:200]}")

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ANN401 - as above
        """Keep a task that cannot be decoded."""
        self._refuse(message, f"It cannot be decoded: {why_unreadable(exc)}")

    def _refuse(self, message: Any, why: str) -> None:  # noqa: ANN401 - as above
        """Let go of a message without loss: producers' own queue may be shared by mistake, and its tasks go back."""
        queue = message.delivery_info.get("routing_key")
        if queue == PRODUCERS_QUEUE and _is_foreign(message):
            message.reject_log_error(log, self.connection_errors, requeue=True)
            self._leave(queue, _task(message))
            return
        about = {"task": _task(message), "task_id": (message.headers or {}).get("id"), "queue": queue}
        body = message.body.decode("utf-8", "replace") if isinstance(message.body, bytes) else str(message.body)
        with message.channel.conn_or_acquire() as client:
            is_kept = keep(client, why=why, message=body, **about)
        log.error("message.refused", reason=why, **about, kept=is_kept)
        message.ack_log_error(log, self.connection_errors)

    def _leave(self, queue: str, task: str) -> None:
        log.error(
            "queue.shared",
            queue=queue,
            task=task,
            consequence=f"it went back, and this worker leaves the queue alone for {FOREIGN_SECONDS} s",
            mend="give Flux Dispatch a Redis database of its own",
        )
        self.cancel_task_queue(queue)
        self.hub.call_later(FOREIGN_SECONDS, self._return_to, queue)

    def _return_to(self, queue: str) -> None:
        try:
            self.add_task_queue(queue)
        except Exception as error:  # noqa: BLE001 - the broker is unavailable or refuses: later, then
            log.debug("queue.not_taken_up", queue=queue, error=str(error))
            self.hub.call_later(FOREIGN_SECONDS, self._return_to, queue)

    def _rest(self) -> None:
        """Wait before the next try, the longer the more lives of this consumer were short."""
        is_short = time.monotonic() - self._began_at < CALM_SECONDS
        self._short_lives = self._short_lives + 1 if is_short else 0
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(self._short_lives, 10), MAX_PAUSE_SECONDS) if is_short else 0
        if pause and (engine := getattr(self.app, "flux_engine", None)):
            # what it enqueues would wait in queues that this worker cannot take from, perhaps no worker can
            engine.do_without_broker(2 * MAX_PAUSE_SECONDS)
        until = time.monotonic() + pause
        while time.monotonic() < until:
            state.maybe_shutdown()
            time.sleep(0.1)
        self._began_at = time.monotonic()

    def _check_for_messages(self) -> None:
        """Begin anew when messages wait that this consumer has room for and does not take.

        Raises:
            StandsStill: so it is.
        """
        channel = self.task_consumer.channel
        is_moving = channel.qos.taken != self._taken or len(state.active_requests) >= self.pool.num_processes
        self._taken = channel.qos.taken
        if is_moving or not self._something_waits(channel):
            self._is_suspected = False
            return
        if self._is_suspected:
            log.error("consumer.stands_still", consequence="messages wait and none is taken: it is begun anew")
            raise StandsStill("messages wait, and none is taken")
        self._is_suspected = True

    def _something_waits(self, channel: Any) -> bool:  # noqa: ANN401 - as above
        keys = [name + priority for name in channel.active_queues for priority in PRIORITIES]
        try:
            with channel.conn_or_acquire() as client:
                return bool(keys) and client.exists(*keys) > 0
        except (RedisError, OSError):
            return False  # it is unavailable or refuses, which is found elsewhere

    def _flush_soon(self) -> None:
        self._is_flush_due = False
        self._flush_events()


def _lacks_files(error: BaseException | None) -> bool:
    """Say whether this is why, in whatever it was wrapped."""
    while error is not None and getattr(error, "errno", None) != errno.EMFILE:
        error = error.__cause__ or error.__context__
    return error is not None


def _unfit(message: Any, max_bytes: int) -> str | None:  # noqa: ANN401 - as above
    """Return why a message of ours is not even looked into, if so."""
    if len(message.body or "") > max_bytes:
        return f"The message is longer than {max_bytes} bytes (FLUX_MAX_BODY_BYTES)."
    if message.content_type != JSON:
        return f"Its content is {str(message.content_type)[:60]}, and not {JSON}: send it with serializer='json'."
    return None


def _set_by_this_clock(message: Any) -> None:  # noqa: ANN401 - as above
    """Have our own queue's countdown end when it should, whatever this host's clock shows."""
    headers = message.headers or {}
    if headers.get("task") == "flux.deliver" and headers.get("eta"):
        with message.channel.conn_or_acquire() as client:
            # a copy: what goes back to its queue must say what it said
            message.headers = headers | {"eta": broker_clock.here(client, headers["eta"])}


def _task(message: Any) -> str:  # noqa: ANN401 - as above
    return str((message.headers or {}).get("task", ""))[:80]


def _is_foreign(message: Any) -> bool:  # noqa: ANN401 - as above
    return not _task(message).startswith(TASK_PREFIX)
