"""What happens to workers and to the API: killed, frozen, restarted, poisoned, with wrong clocks."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.testbed import LEASE_SECONDS, Testbed
from tests.support.waiting import eventually, wait_seconds

BUSY_SECONDS = 0.1
"""How long the receiver takes where a fault must meet POSTs that are in flight."""


def none(testbed: Testbed) -> None:
    """Leave everything alone: what the other faults are measured against."""
    testbed.two_workers()
    testbed.wait_until_messages_bring_deliveries()
    testbed.note_end_of_fault()
    testbed.calm_since = time.time()
    testbed.wait_for_acknowledged(150)


def killed_at(failpoint: str, count: int) -> Callable[[Testbed], None]:
    def inflict(testbed: Testbed) -> None:
        doomed = testbed.installation.start_worker(FAILPOINT=f"{failpoint}:{count}")
        assert doomed.process.wait(60) == -signal.SIGKILL
        testbed.installation.start_worker()
        testbed.note_end_of_fault()
        testbed.wait_for_arrivals(50)

    return inflict


def killed_while_answered(testbed: Testbed) -> None:
    doomed = testbed.installation.start_worker()
    calm = testbed.receiver.answer

    def strike(_: object) -> int:
        doomed.process.kill()
        testbed.receiver.answer = calm
        return 200

    testbed.wait_for_arrivals(30)
    testbed.receiver.answer = strike
    assert doomed.process.wait(30) == -signal.SIGKILL
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def killed_while_redis_is_empty(testbed: Testbed) -> None:
    doomed, _ = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    testbed.broker.do("FLUSHALL")
    doomed.kill()
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def restarted_in_turn(testbed: Testbed) -> None:
    workers = list(testbed.two_workers())
    for turn in range(20):
        testbed.wait_for_arrivals(5)
        old = workers[turn % 2]
        workers[turn % 2] = testbed.installation.start_worker()
        assert old.stop() == 0
    failed = testbed.installation.rows("SELECT FROM attempts WHERE status IS NULL OR status NOT IN (200, 500)")
    assert not failed, "a restart spent an attempt"
    # the sweeper finds a lease that was not given back, and says so
    finders = [process.name for process in testbed.installation.processes if process.logged("deliveries.swept")]
    assert not finders, "a worker that ended left a lease behind"


def frozen_beyond_the_lease(testbed: Testbed) -> None:
    testbed.receiver.work_seconds = lambda _: BUSY_SECONDS
    frozen, _ = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    wait_seconds(LEASE_SECONDS + 6)
    frozen.process.send_signal(signal.SIGCONT)
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(30)


def killed_under_load(testbed: Testbed) -> None:
    testbed.receiver.work_seconds = lambda _: BUSY_SECONDS
    doomed, _ = testbed.two_workers()
    testbed.wait_for_arrivals(60)
    doomed.kill()
    testbed.installation.start_worker()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def an_hour_off(testbed: Testbed) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library, "this fault needs libfaketime (Debian: apt install faketime)"
    for offset in ("+1h", "-1h"):
        testbed.installation.start_worker(
            LD_PRELOAD=str(library), FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1"
        )
    testbed.installation.start_worker()
    testbed.wait_for_arrivals(200)


def poisoned(testbed: Testbed) -> None:
    for _ in range(2):
        testbed.installation.start_worker(FAILPOINT="before_send:1:poison")
    keeper = _Keeper(testbed)
    testbed.wait_for_arrivals(20)
    poison = testbed.installation.publish("order.completed", kind="poison")
    testbed.own_events.add(poison)
    given_up = "SELECT FROM attempts JOIN deliveries ON id = delivery_id WHERE error = 'worker_lost' AND event_id = $1"
    eventually(
        lambda: keeper.replace_the_dead() or testbed.installation.rows(given_up, poison.removeprefix("evt_")),
        "the poison is given up",
        150,
    )
    assert keeper.deaths <= 4, f"it killed {keeper.deaths} workers"
    testbed.wait_for_arrivals(20)  # others flow
    for process in testbed.installation.processes[1:]:
        process.kill()
    testbed.installation.start_worker()


class _Keeper:
    """Replaces workers that die, as a supervisor does."""

    def __init__(self, testbed: Testbed) -> None:
        self._ground = testbed
        self.deaths = 0

    def replace_the_dead(self) -> None:
        alive = [process for process in self._ground.installation.processes[1:] if process.process.poll() is None]
        for _ in range(2 - len(alive)):
            self.deaths += 1
            self._ground.installation.start_worker(FAILPOINT="before_send:1:poison")


def api_killed_at(failpoint: str) -> Callable[[Testbed], None]:
    def inflict(testbed: Testbed) -> None:
        testbed.two_workers()
        testbed.wait_for_arrivals(20)
        testbed.installation.processes[0].stop()
        doomed = testbed.installation.start_api(FAILPOINT=f"{failpoint}:20")
        assert doomed.process.wait(30) == -signal.SIGKILL
        key = eventually(lambda: testbed.publisher.unclear - set(testbed.publisher.acknowledged), "an event is unclear")
        stored = testbed.installation.rows("SELECT FROM events WHERE idempotency_key = ANY($1)", list(key))
        assert len(stored) == (failpoint == "after_publish"), f"{len(stored)} unclear events are stored"
        testbed.installation.start_api()
        testbed.note_end_of_fault()
        testbed.wait_for_arrivals(30)

    return inflict
