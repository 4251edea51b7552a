"""The bell: tells workers by Celery messages that something is due; never waits, never fails, may lose a ring."""

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
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from workers.broker_clock import broker_clock
from workers.outgoing import MAX_WAITING, Outgoing

MESSAGE_SIZE: Final = 200
BULK_MESSAGE_SIZE: Final = 1000
"""Of a message in the queue `bulk`: very many are taken in quickly, and wait in the worker then."""

BULK_FROM: Final = 20
"""From so many deliveries at once on, an account's go in messages of their own, so that nobody's wait behind them in
Redis; fewer share messages with others'."""

REST_SECONDS: Final = 2.0
"""After a failed ring the bell rests this long: a broker that is away must not be asked once for each event."""

SLOW_SECONDS: Final = 0.5
SLOW_IN_A_ROW: Final = 2
"""A broker that takes longer, and again, is as good as away: thousands of rings a second would wait behind it. Once may
be the first connection of a process, or a busy machine."""

MAX_IN_CONTROL: Final = 50
"""Messages in the queue `control`. Where so many wait, nobody works on them, and the planner would add the same ids
every few seconds: those are dropped, and rung again when it has become shorter."""

COUNT_SECONDS: Final = 1.0
"""For how long the length of `control` is taken for known."""

MERGE_SECONDS: Final = 0.05
"""Countdowns that end within one such step share a message, which comes at the step's end."""

PROBE_KEY: Final = "flux.probe"
"""Pushed to only where it exists, and it never does."""

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
        self._rings = Outgoing[Ring]()
        self._rests_until = 0.0
        self._is_away = False
        self._is_overrun = False
        self._slow_in_a_row = 0
        self._in_control = 0
        self._counted_at = 0.0
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
        """Say whether the broker takes messages now; blocks for at most a few seconds.

        It is asked to write, for a full or a read-only one answers all the same, and about each queue, whose key may be
        something else. Nothing is changed.
        """
        if self._is_resting():
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
        """Take the broker for away, for so long."""
        self._rests_until = max(self._rests_until, time.monotonic() + seconds)

    def close(self) -> None:
        """Send what is waiting, and end."""
        self._rings.close()
        self._thread.join()

    def _put(self, ring: Ring) -> None:
        if ring.ids and (left_over := self._rings.put(ring)):
            self._hand_over(left_over)

    def _hand_over(self, left_over: Ring) -> None:
        if not self._is_overrun:
            log.warning("bell.overrun", waiting=MAX_WAITING, consequence="the oldest do without the broker")
        self._is_overrun = True
        self._fallback(left_over)

    def _run(self) -> None:
        while rings := self._rings.take():
            self._is_overrun = self._is_overrun and len(rings) >= MAX_WAITING / 2
            for ring in _messages([_in_step(each) for each in rings]):
                try:
                    self._send(ring)
                except Exception:
                    # the planner finds what was not rung, if this thread lives to ring for it
                    log.exception("bell.failed")

    def _send(self, ring: Ring) -> None:
        """Send a ring, or hand it over; whatever goes wrong, this thread goes on."""
        if self._is_resting():
            self._fallback(ring)
            return
        if ring.queue == "control" and self._is_control_long():
            return
        began = time.monotonic()
        try:
            self._publish(ring)
        except Exception as error:  # noqa: BLE001 - a library's own mistake must not end the only thread that rings
            self._rest(f"{type(error).__name__}: {error}")
            self._fallback(ring)
            return
        seconds = time.monotonic() - began
        self._slow_in_a_row = self._slow_in_a_row + 1 if seconds > SLOW_SECONDS else 0
        if self._slow_in_a_row >= SLOW_IN_A_ROW:
            self._rest(f"it took {seconds:.1f} s for one message")
            return
        if self._is_away:
            log.warning("broker.back")
        self._is_away = False

    def _rest(self, why: str) -> None:
        if not self._is_away:
            log.warning("broker.away", error=why, consequence="workers find what is due in the database")
        self._is_away = True
        self._rests_until = time.monotonic() + REST_SECONDS

    def _is_control_long(self) -> bool:
        now = time.monotonic()
        if now - self._counted_at > COUNT_SECONDS:
            self._in_control, self._counted_at = self._count_waiting("control"), now
        return self._in_control >= MAX_IN_CONTROL

    def _publish(self, ring: Ring) -> None:
        self._app.send_task(
            ring.task,
            args=[list(ring.ids)],
            kwargs=ring.arguments,
            queue=ring.queue,
            eta=self._eta(ring.countdown_seconds) if ring.countdown_seconds else None,
            argsrepr=_readable(ring),
            kwargsrepr="",
        )

    def _eta(self, countdown_seconds: float) -> datetime:
        with (
            self._app.pool.acquire(block=True) as connection,
            connection.default_channel.conn_or_acquire() as client,
        ):
            return broker_clock.eta(client, countdown_seconds)

    def _is_resting(self) -> bool:
        return time.monotonic() < self._rests_until

    def _count_waiting(self, queue: str) -> int:
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except Exception:  # noqa: BLE001 - as in answers()
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


def _in_step(ring: Ring) -> Ring:
    return replace(ring, run_at=math.ceil(ring.run_at / MERGE_SECONDS) * MERGE_SECONDS) if ring.run_at else ring


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
    most = BULK_MESSAGE_SIZE if ring.queue == "bulk" else MESSAGE_SIZE
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
