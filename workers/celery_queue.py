"""The queue: tells workers by Celery messages that something is due; never waits, never fails, may lose a message."""

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import structlog
from celery import Celery

from config.celeryconfig import QUEUES
from config.task_table import TASKS
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from workers.broker_clock import broker_clock
from workers.outgoing import MAX_WAITING, Outgoing

MESSAGE_SIZE: Final = 200
BULK_MESSAGE_SIZE: Final = 1000
"""Of a message in the queue `bulk`: very many are taken in quickly, and wait in the worker then."""

BULK_FROM: Final = 20
"""From so many deliveries at once on, an account's go in messages of their own, so that nobody's wait behind them in
Redis; fewer share messages with others'."""

BROKER_COOLDOWN_SECONDS: Final = 2.0
"""After a failed message nothing is sent for so long: a broker that is unavailable must not be asked for each event."""

SLOW_SECONDS: Final = 0.5
SLOW_IN_A_ROW: Final = 2
"""A broker that takes longer, and again, is as good as unavailable: thousands of messages a second would wait behind
it. Once may be the first connection of a process, or a busy machine."""

MAX_IN_CONTROL: Final = 50
"""Messages in the queue `control`. Where so many wait, nobody works on them, and the sweeper would add the same ids
every few seconds: those are dropped, and enqueued again when it has become shorter."""

COUNT_SECONDS: Final = 1.0
"""For how long the length of `control` is taken for known."""

MERGE_SECONDS: Final = 0.05
"""Countdowns that end within one such step share a message, which comes at the step's end."""

SENT: Final = "sent"
NOT_SENT: Final = "not_sent"

PROBE_KEY: Final = "flux.probe"
"""Pushed to only where it exists, and it never does."""

log = structlog.get_logger("flux.queue")


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message to be sent: which task, for which ids, and when (monotonic seconds) it shall run.

    `accounts` says of each delivery whose it is, `attempt` is its number, and `owner` is the account whose messages
    hold nobody else's. Other tasks have none of these.
    """

    task: str
    queue: str
    ids: tuple[str, ...]
    accounts: tuple[AccountId, ...] = ()
    attempt: int = 0
    owner: AccountId | None = None
    run_at: float = 0.0

    @property
    def arguments(self) -> dict[str, Any]:
        """The task's keyword arguments; accounts as runs, like [["acct_1", 3], ["acct_2", 1]]."""
        if not self.attempt:
            return {}
        return {"attempt": self.attempt, "accounts": [[each, len(list(run))] for each, run in groupby(self.accounts)]}

    @property
    def countdown_seconds(self) -> float:
        """How long it is until the task shall run."""
        return max(self.run_at - time.monotonic(), 0)


class CeleryQueue:
    """Sends from a thread of its own, because publishing to a broker blocks; what waits meanwhile shares messages.

    Args:
        app: the Celery app.
        fallback: gets the messages that could not be sent; without one they are dropped, and the sweeper finds their
            deliveries later.
    """

    def __init__(self, app: Celery, fallback: Callable[[QueueMessage], None] | None = None) -> None:
        self._app = app
        self._fallback = fallback or (lambda _: None)
        self._outgoing = Outgoing[QueueMessage]()
        self._cools_down_until = 0.0
        self._is_unavailable = False
        self._is_overrun = False
        self._slow_in_a_row = 0
        self._in_control = 0
        self._counted_at = 0.0
        self.sends = Counter[tuple[str, str]]()
        """How many messages were sent or not, by their queue and the result."""
        self._thread = threading.Thread(target=self._run, name="flux-queue", daemon=True)
        self._thread.start()

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over; retries and bulk go to queues of their own."""
        run_at = time.monotonic() + countdown_seconds if countdown_seconds else 0.0
        for owner, pairs in _by_owner(deliveries):
            accounts, ids = zip(*pairs, strict=True)
            queue = "retry" if attempt > 1 else "bulk" if owner else "deliver"
            self._put(QueueMessage("flux.deliver", queue, ids, accounts, attempt, owner, run_at))

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        self._put(_message("flux.fail", deliveries))

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        self._put(_message("flux.alert", alerts))

    async def depth(self, *, retries: bool) -> int:
        """Return how many messages of first attempts, or of retries, wait; 0 when the broker does not say."""
        queues = ("retry",) if retries else ("deliver", "bulk")
        if self._is_cooling_down():
            return 0
        return sum([await asyncio.to_thread(self._count_waiting, queue) for queue in queues])

    def is_reachable(self) -> bool:
        """Say whether the broker takes messages now; blocks for at most a few seconds.

        It is asked to write, for a full or a read-only one answers all the same, and about each queue, whose key may be
        something else. Nothing is changed.
        """
        if self._is_cooling_down():
            return False
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                connection.ensure_connection(max_retries=1, timeout=1)
                with connection.default_channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
                    pipe.lpushx(PROBE_KEY, "")
                    for queue in QUEUES:
                        pipe.llen(queue)
                    pipe.execute()
        except Exception:  # noqa: BLE001 - kombu's errors have no common root; any of them is a no
            return False
        return True

    def rest(self, seconds: float) -> None:
        """Take the broker for unavailable, for so long."""
        self._cools_down_until = max(self._cools_down_until, time.monotonic() + seconds)

    def close(self) -> None:
        """Send what is waiting, and end."""
        self._outgoing.close()
        self._thread.join()

    def _put(self, message: QueueMessage) -> None:
        if message.ids and (left_over := self._outgoing.put(message)):
            self._hand_over(left_over)

    def _hand_over(self, left_over: QueueMessage) -> None:
        if not self._is_overrun:
            log.warning("queue.overrun", waiting=MAX_WAITING, consequence="the oldest do without the broker")
        self._is_overrun = True
        self._fallback(left_over)

    def _run(self) -> None:
        while messages := self._outgoing.take():
            self._is_overrun = self._is_overrun and len(messages) >= MAX_WAITING / 2
            for message in _messages([_in_step(each) for each in messages]):
                try:
                    self._send(message)
                except Exception:
                    # the sweeper finds what was not enqueued, if this thread lives to send what it finds
                    log.exception("queue.failed")

    def _send(self, message: QueueMessage) -> None:
        """Send a message, or hand it over; whatever goes wrong, this thread goes on."""
        if self._is_cooling_down():
            self._give_up(message)
            return
        if message.queue == "control" and self._is_control_long():
            return
        began = time.monotonic()
        try:
            self._publish(message)
        except Exception as error:  # noqa: BLE001 - a library's own mistake must not end the only thread that sends
            self._rest(f"{type(error).__name__}: {error}")
            self._give_up(message)
            return
        self.sends[message.queue, SENT] += 1
        seconds = time.monotonic() - began
        self._slow_in_a_row = self._slow_in_a_row + 1 if seconds > SLOW_SECONDS else 0
        if self._slow_in_a_row >= SLOW_IN_A_ROW:
            self._rest(f"it took {seconds:.1f} s for one message")
            return
        if self._is_unavailable:
            log.warning("broker.recovered")
        self._is_unavailable = False

    def _give_up(self, message: QueueMessage) -> None:
        self.sends[message.queue, NOT_SENT] += 1
        self._fallback(message)

    def _rest(self, why: str) -> None:
        if not self._is_unavailable:
            log.warning("broker.unavailable", error=why, consequence="workers find what is due in the database")
        self._is_unavailable = True
        self._cools_down_until = time.monotonic() + BROKER_COOLDOWN_SECONDS

    def _is_control_long(self) -> bool:
        now = time.monotonic()
        if now - self._counted_at > COUNT_SECONDS:
            self._in_control, self._counted_at = self._count_waiting("control"), now
        return self._in_control >= MAX_IN_CONTROL

    def _publish(self, message: QueueMessage) -> None:
        self._app.send_task(
            message.task,
            args=[list(message.ids)],
            kwargs=message.arguments,
            queue=message.queue,
            eta=self._eta(message.countdown_seconds) if message.countdown_seconds else None,
            argsrepr=_readable(message),
            kwargsrepr="",
        )

    def _eta(self, countdown_seconds: float) -> datetime:
        with (
            self._app.pool.acquire(block=True) as connection,
            connection.default_channel.conn_or_acquire() as client,
        ):
            return broker_clock.eta(client, countdown_seconds)

    def _is_cooling_down(self) -> bool:
        return time.monotonic() < self._cools_down_until

    def _count_waiting(self, queue: str) -> int:
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except Exception:  # noqa: BLE001 - as in is_reachable()
            return 0


def _message(task: str, ids: Sequence[str]) -> QueueMessage:
    return QueueMessage(task, TASKS[task].queue, tuple(ids))


def _by_owner(
    deliveries: Sequence[tuple[AccountId, DeliveryId]],
) -> Iterator[tuple[AccountId | None, list[tuple[AccountId, DeliveryId]]]]:
    """Yield what shares messages with others' (None), and of each account that has many at once what it has."""
    counts = Counter(account for account, _ in deliveries)
    parts: dict[AccountId | None, list[tuple[AccountId, DeliveryId]]] = {}
    for account, delivery in deliveries:
        parts.setdefault(account if counts[account] >= BULK_FROM else None, []).append((account, delivery))
    yield from parts.items()


def _in_step(message: QueueMessage) -> QueueMessage:
    return (
        replace(message, run_at=math.ceil(message.run_at / MERGE_SECONDS) * MERGE_SECONDS)
        if message.run_at
        else message
    )


def _messages(messages: list[QueueMessage]) -> list[QueueMessage]:
    """Join the messages that may share a message, and cut what is too long for one."""
    joined: dict[tuple[Any, ...], list[QueueMessage]] = {}
    for message in messages:
        joined.setdefault((message.task, message.queue, message.attempt, message.owner, message.run_at), []).append(
            message
        )
    return [part for together in joined.values() for part in _cut(_join(together))]


def _join(messages: list[QueueMessage]) -> QueueMessage:
    if len(messages) == 1:
        return messages[0]
    ids = tuple(each for message in messages for each in message.ids)
    return replace(messages[0], ids=ids, accounts=tuple(each for message in messages for each in message.accounts))


def _cut(message: QueueMessage) -> list[QueueMessage]:
    most = BULK_MESSAGE_SIZE if message.queue == "bulk" else MESSAGE_SIZE
    return [
        replace(message, ids=message.ids[start : start + most], accounts=message.accounts[start : start + most])
        for start in range(0, len(message.ids), most)
    ]


def _readable(message: QueueMessage) -> str:
    row = TASKS[message.task]
    count = f"{len(message.ids)} {row.noun if len(message.ids) == 1 else row.nouns}"
    attempt = f", attempt {message.attempt}" if message.attempt else ""
    return f"{count}{attempt}: {message.ids[0]}" + ("…" if len(message.ids) > 1 else "")
