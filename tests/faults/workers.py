"""What happens to workers and to the API: killed, frozen, restarted, poisoned, with wrong clocks."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.ground import LEASE_SECONDS, Ground
from tests.waiting import eventually, wait_seconds

BUSY_SECONDS = 0.1
"""How long the receiver takes where a fault must meet POSTs that are under way."""


def none(ground: Ground) -> None:
    """Leave everything alone: what the other faults are measured against."""
    ground.two_workers()
    ground.wait_until_messages_bring_deliveries()
    ground.note_end_of_fault()
    ground.calm_since = time.time()
    ground.wait_for_acknowledged(150)


def killed_at(failpoint: str, count: int) -> Callable[[Ground], None]:
    def inflict(ground: Ground) -> None:
        doomed = ground.installation.start_worker(FAILPOINT=f"{failpoint}:{count}")
        assert doomed.process.wait(60) == -signal.SIGKILL
        ground.installation.start_worker()
        ground.note_end_of_fault()
        ground.wait_for_arrivals(50)

    return inflict


def killed_while_answered(ground: Ground) -> None:
    doomed = ground.installation.start_worker()
    calm = ground.receiver.answer

    def strike(_: object) -> int:
        doomed.process.kill()
        ground.receiver.answer = calm
        return 200

    ground.wait_for_arrivals(30)
    ground.receiver.answer = strike
    assert doomed.process.wait(30) == -signal.SIGKILL
    ground.installation.start_worker()
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def killed_while_redis_is_empty(ground: Ground) -> None:
    doomed, _ = ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.do("FLUSHALL")
    doomed.kill()
    ground.installation.start_worker()
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def restarted_in_turn(ground: Ground) -> None:
    workers = list(ground.two_workers())
    for turn in range(20):
        ground.wait_for_arrivals(5)
        old = workers[turn % 2]
        workers[turn % 2] = ground.installation.start_worker()
        assert old.stop() == 0
    failed = ground.installation.rows("SELECT FROM attempts WHERE status IS NULL OR status NOT IN (200, 500)")
    assert not failed, "a restart spent an attempt"
    # the planner finds a lease that was not given back, and says so
    finders = [part.name for part in ground.installation.parts if part.said("deliveries.found")]
    assert not finders, "a worker that ended left a lease behind"


def frozen_beyond_the_lease(ground: Ground) -> None:
    ground.receiver.work_seconds = lambda _: BUSY_SECONDS
    frozen, _ = ground.two_workers()
    ground.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    wait_seconds(LEASE_SECONDS + 6)
    frozen.process.send_signal(signal.SIGCONT)
    ground.note_end_of_fault()
    ground.wait_for_arrivals(30)


def killed_under_load(ground: Ground) -> None:
    ground.receiver.work_seconds = lambda _: BUSY_SECONDS
    doomed, _ = ground.two_workers()
    ground.wait_for_arrivals(60)
    doomed.kill()
    ground.installation.start_worker()
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def an_hour_off(ground: Ground) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library, "this fault needs libfaketime (Debian: apt install faketime)"
    for offset in ("+1h", "-1h"):
        ground.installation.start_worker(
            LD_PRELOAD=str(library), FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1"
        )
    ground.installation.start_worker()
    ground.wait_for_arrivals(200)


def poisoned(ground: Ground) -> None:
    for _ in range(2):
        ground.installation.start_worker(FAILPOINT="before_send:1:poison")
    keeper = _Keeper(ground)
    ground.wait_for_arrivals(20)
    poison = ground.installation.publish("order.completed", kind="poison")
    ground.own_events.add(poison)
    given_up = "SELECT FROM attempts JOIN deliveries ON id = delivery_id WHERE error = 'worker_lost' AND event_id = $1"
    eventually(
        lambda: keeper.replace_the_dead() or ground.installation.rows(given_up, poison.removeprefix("evt_")),
        "the poison is given up",
        150,
    )
    assert keeper.deaths <= 4, f"it killed {keeper.deaths} workers"
    ground.wait_for_arrivals(20)  # others flow
    for part in ground.installation.parts[1:]:
        part.kill()
    ground.installation.start_worker()


class _Keeper:
    """Replaces workers that die, as a supervisor does."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.deaths = 0

    def replace_the_dead(self) -> None:
        alive = [part for part in self._ground.installation.parts[1:] if part.process.poll() is None]
        for _ in range(2 - len(alive)):
            self.deaths += 1
            self._ground.installation.start_worker(FAILPOINT="before_send:1:poison")


def api_killed_at(failpoint: str) -> Callable[[Ground], None]:
    def inflict(ground: Ground) -> None:
        ground.two_workers()
        ground.wait_for_arrivals(20)
        ground.installation.parts[0].stop()
        doomed = ground.installation.start_api(FAILPOINT=f"{failpoint}:20")
        assert doomed.process.wait(30) == -signal.SIGKILL
        key = eventually(lambda: ground.publisher.unclear - set(ground.publisher.acknowledged), "an event is unclear")
        stored = ground.installation.rows("SELECT FROM events WHERE idempotency_key = ANY($1)", list(key))
        assert len(stored) == (failpoint == "after_accept"), f"{len(stored)} unclear events are stored"
        ground.installation.start_api()
        ground.note_end_of_fault()
        ground.wait_for_arrivals(30)

    return inflict
