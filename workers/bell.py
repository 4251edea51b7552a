"""The bell: tells workers by Celery messages that something is due; never waits, never fails, may lose a ring."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import structlog
from celery import Celery
from kombu.exceptions import KombuError

from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.engine.grouping import Linger

MOST_IN_ONE_MESSAGE: Final = 200
MOST_IN_BULK: Final = 1000
"""Of a message in the queue `bulk`: very many are taken in quickly, and wait in the worker then."""

BULK_FROM: Final = 20
"""From so many deliveries at once on, an account's go in messages of their own, so that nobody's wait behind them in
Redis; fewer share messages with others'."""

LINGER: Final = Linger()
"""After sending, the bell waits for more to send together: a message costs a worker as much as ten or twenty
deliveries do. So the first of many, and each of a few, goes at once.
"""

REST_SECONDS: Final = 2.0
"""After a failed ring the bell rests this long: a broker that is away must not be asked once for each event."""

log = structlog.get_logger("flux.bell")


@dataclass(frozen=True, slots=True)
class Ring:
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


class CeleryBell:
    """Sends rings from a thread of its own, because publishing to a broker blocks; rings that wait share messages.

    Args:
        app: the Celery app.
        fallback: gets the rings that could not be sent; without one they are dropped, and the planner finds their
            deliveries later.
    """

    def __init__(self, app: Celery, fallback: Callable[[Ring], None] | None = None) -> None:
        self._app = app
        self._fallback = fallback or (lambda _: None)
        transport = app.connection_for_write()
        self._broker_errors = (KombuError, OSError, *transport.connection_errors, *transport.channel_errors)
        self._rings: list[Ring] = []
        self._wanted = threading.Condition()
        self._is_closed = threading.Event()
        self._rests_until = 0.0
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="flux-bell", daemon=True)
        self._thread.start()

    def deliver(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over; retries and bulk go to queues of their own."""
        run_at = time.monotonic() + countdown_seconds if countdown_seconds else 0.0
        for owner, pairs in _by_owner(deliveries):
            accounts, ids = zip(*pairs, strict=True)
            queue = "retry" if attempt > 1 else "bulk" if owner else "deliver"
            self._put(Ring("flux.deliver", queue, ids, accounts, attempt, owner, run_at))

    def fail(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        self._put(Ring("flux.fail", "control", tuple(deliveries)))

    def alert(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        self._put(Ring("flux.alert", "control", tuple(alerts)))

    async def waiting_messages(self, *, retries: bool) -> int:
        """Return how many messages of first attempts, or of retries, wait; 0 when the broker does not say."""
        queues = ("retry",) if retries else ("deliver", "bulk")
        if self._is_resting():
            return 0
        return sum([await asyncio.to_thread(self._count_waiting, queue) for queue in queues])

    def answers(self) -> bool:
        """Say whether the broker answers now; blocks for at most a few seconds."""
        if self._is_resting():
            return False
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                connection.ensure_connection(max_retries=1, timeout=1)
                connection.default_channel.client.ping()
        except self._broker_errors:
            return False
        return True

    def close(self) -> None:
        """Send what is waiting, and end."""
        with self._wanted:
            self._is_closed.set()
            self._wanted.notify()
        self._thread.join()

    def _put(self, ring: Ring) -> None:
        if not ring.ids:
            return
        with self._wanted:
            self._rings.append(ring)
            self._wanted.notify()

    def _run(self) -> None:
        while rings := self._take():
            for ring in _messages(rings):
                self._send(ring)
            self._is_closed.wait(LINGER.seconds_after(sum(len(ring.ids) for ring in rings)))

    def _take(self) -> list[Ring]:
        with self._wanted:
            self._wanted.wait_for(lambda: self._rings or self._is_closed.is_set())
            rings, self._rings = self._rings, []
            return rings

    def _send(self, ring: Ring) -> None:
        if self._is_resting():
            self._fallback(ring)
            return
        try:
            self._publish(ring)
        except self._broker_errors as error:
            if not self._is_away:
                log.warning("broker.away", error=str(error), consequence="workers find what is due in the database")
            self._is_away = True
            self._rests_until = time.monotonic() + REST_SECONDS
            self._fallback(ring)
        else:
            if self._is_away:
                log.warning("broker.back")
            self._is_away = False

    def _publish(self, ring: Ring) -> None:
        self._app.send_task(
            ring.task,
            args=[list(ring.ids)],
            kwargs=ring.arguments,
            queue=ring.queue,
            countdown=ring.countdown_seconds or None,
            argsrepr=_readable(ring),
            kwargsrepr="",
        )

    def _is_resting(self) -> bool:
        return time.monotonic() < self._rests_until

    def _count_waiting(self, queue: str) -> int:
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except self._broker_errors:
            return 0


def _by_owner(
    deliveries: Sequence[tuple[AccountId, DeliveryId]],
) -> Iterator[tuple[AccountId | None, list[tuple[AccountId, DeliveryId]]]]:
    """Yield what shares messages with others' (None), and of each account that has many at once what it has."""
    counts = Counter(account for account, _ in deliveries)
    parts: dict[AccountId | None, list[tuple[AccountId, DeliveryId]]] = {}
    for account, delivery in deliveries:
        parts.setdefault(account if counts[account] >= BULK_FROM else None, []).append((account, delivery))
    yield from parts.items()


def _messages(rings: list[Ring]) -> list[Ring]:
    """Join the rings that may share a message, and cut what is too long for one."""
    joined: dict[tuple[Any, ...], list[Ring]] = {}
    for ring in rings:
        joined.setdefault((ring.task, ring.queue, ring.attempt, ring.owner, ring.run_at), []).append(ring)
    return [part for together in joined.values() for part in _cut(_join(together))]


def _join(rings: list[Ring]) -> Ring:
    if len(rings) == 1:
        return rings[0]
    ids = tuple(each for ring in rings for each in ring.ids)
    return replace(rings[0], ids=ids, accounts=tuple(each for ring in rings for each in ring.accounts))


def _cut(ring: Ring) -> list[Ring]:
    most = MOST_IN_BULK if ring.queue == "bulk" else MOST_IN_ONE_MESSAGE
    return [
        replace(ring, ids=ring.ids[start : start + most], accounts=ring.accounts[start : start + most])
        for start in range(0, len(ring.ids), most)
    ]


def _readable(ring: Ring) -> str:
    noun = "alert" if ring.task == "flux.alert" else "delivery"
    plural = "alerts" if ring.task == "flux.alert" else "deliveries"
    count = f"{len(ring.ids)} {noun if len(ring.ids) == 1 else plural}"
    attempt = f", attempt {ring.attempt}" if ring.attempt else ""
    return f"{count}{attempt}: {ring.ids[0]}" + ("…" if len(ring.ids) > 1 else "")
