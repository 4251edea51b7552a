"""What happens to Redis and to the messages in it."""

import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from celery import Celery

from flux_dispatch.domain.ids import Prefix, format_id
from tests.faults.testbed import Testbed
from tests.support.installation import Process
from tests.support.waiting import eventually, wait_seconds


def emptied(testbed: Testbed) -> None:
    testbed.two_workers()
    for _ in range(5):
        testbed.wait_for_arrivals(20)
        testbed.broker.do("FLUSHALL")
    testbed.note_end_of_fault()
    testbed.wait_until_messages_bring_deliveries()


def restarted_empty(testbed: Testbed) -> None:
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    testbed.broker.kill()
    testbed.broker.start()
    testbed.note_end_of_fault()
    testbed.wait_for_acknowledged(50)
    testbed.wait_until_messages_bring_deliveries()
    eventually(lambda: testbed.broker.do("LLEN", "deliver") == 0, "workers have read all messages", 30)
    _all_live(workers)


def down(testbed: Testbed) -> None:
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    with _publishing_unhindered(testbed):
        testbed.broker.kill()
        wait_seconds(testbed.outage_seconds)
        testbed.wait_for_arrivals(100)  # while it is still down
    testbed.broker.start()
    testbed.note_end_of_fault()
    testbed.wait_until_messages_bring_deliveries()
    _all_live(workers)


def frozen(testbed: Testbed) -> None:
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    with _publishing_unhindered(testbed):
        testbed.broker.freeze()
        wait_seconds(testbed.outage_seconds)
    testbed.broker.thaw()
    testbed.note_end_of_fault()
    testbed.wait_until_messages_bring_deliveries()
    _all_live(workers)


@contextmanager
def _publishing_unhindered(testbed: Testbed) -> Iterator[None]:
    """While the broker is unavailable, every event is acknowledged, 99 of 100 at most 300 ms later than usual."""
    usual = _slow(testbed.publisher.seconds)
    before, unclear = len(testbed.publisher.seconds), len(testbed.publisher.unclear)
    yield
    seconds = testbed.publisher.seconds[before:]
    assert len(seconds) > testbed.outage_seconds, f"{len(seconds)} events were acknowledged meanwhile"
    assert _slow(seconds) - usual < 0.3, f"publishing took {_slow(seconds):.2f} s, {usual:.3f} s is usual"
    assert testbed.publisher.refused == [], f"publishing answered {testbed.publisher.refused}"
    assert len(testbed.publisher.unclear) == unclear, "publishing was left without an answer"


def _slow(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


def _all_live(workers: tuple[Process, ...]) -> None:
    assert all(worker.process.poll() is None for worker in workers), "a worker ended by itself"


def read_only(testbed: Testbed) -> None:
    """Have it answer, and refuse every write, as one does that became a replica; a worker starts meanwhile."""
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    keys = publish_by_message(testbed, 50)
    with _publishing_unhindered(testbed):
        testbed.broker.do("REPLICAOF", "127.0.0.1", "1")
        late = testbed.installation.start("worker", "worker")
        wait_seconds(testbed.outage_seconds)
        testbed.wait_for_arrivals(50)
    testbed.broker.do("REPLICAOF", "NO", "ONE")
    testbed.note_end_of_fault()
    wait_until_stored(testbed, keys)
    testbed.wait_until_messages_bring_deliveries()
    _all_live((*workers, late))


def full(testbed: Testbed) -> None:
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    testbed.broker.do("CONFIG", "SET", "maxmemory", "1")
    wait_seconds(testbed.outage_seconds)
    testbed.wait_for_arrivals(50)
    said = [process.log.read_text().count("broker.unavailable") for process in testbed.installation.processes]
    assert said[0] == 1, f"the API said {said[0]} times that the broker is unavailable"
    assert max(said) == 1, f"the workers said {said[1:]} times that the broker is unavailable"
    testbed.broker.do("CONFIG", "SET", "maxmemory", "0")
    testbed.note_end_of_fault()
    testbed.wait_until_messages_bring_deliveries()
    _all_live(workers)


def full_of_publications(testbed: Testbed) -> None:
    """Have hundreds of events in flight through the broker, more than workers hold at once, while it is full."""
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(10)
    for worker in workers:
        worker.process.send_signal(signal.SIGSTOP)
    keys = publish_by_message(testbed, 400)
    testbed.broker.do("CONFIG", "SET", "maxmemory", "1")
    for worker in workers:
        worker.process.send_signal(signal.SIGCONT)
    wait_seconds(testbed.outage_seconds)
    testbed.broker.do("CONFIG", "SET", "maxmemory", "0")
    testbed.note_end_of_fault()
    keys += publish_by_message(testbed, 100)
    wait_until_stored(testbed, keys)
    testbed.wait_until_messages_bring_deliveries()
    _all_live(workers)


MALFORMED: Final[list[dict[str, Any]]] = [
    {"account": "customer-7"},
    {"account": None},
    {"type": "no type"},
    {"type": 7},
    {"data": None},
    {"data": [1]},
    {"data": {"nul": "\0"}},
    {"idempotency_key": ""},
    {"unknown": 1},
]


def malformed_publications(testbed: Testbed) -> None:
    """Publish by message what can never be stored among what can: it costs itself, and is kept to be looked at."""
    testbed.two_workers()
    testbed.wait_for_arrivals(10)
    keys = []
    for number in range(90):
        keys += publish_by_message(testbed, 4)
        publish_by_message(testbed, 1, MALFORMED[number % len(MALFORMED)])
    wait_until_stored(testbed, keys)
    testbed.note_end_of_fault()
    eventually(lambda: testbed.broker.do("LLEN", "flux.refused") == len(keys) // 4, "what was refused is kept")


def publish_by_message(testbed: Testbed, count: int, changes: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """Publish as a Celery producer does, and return the idempotency keys."""
    (account,) = testbed.installation.rows("SELECT id FROM accounts")
    keys = [uuid.uuid4().hex for _ in range(count)]
    with Celery("faults", broker=testbed.broker.url) as app:
        for key in keys:
            event = {"account": f"acct_{account['id'].hex}", "type": "order.completed", "data": {}}
            app.send_task("flux.publish", kwargs=event | {"idempotency_key": key} | changes, queue="ingest")
    return keys


def wait_until_stored(testbed: Testbed, keys: list[str]) -> None:
    """Wait until these events are stored, and have them judged like all that were acknowledged."""
    sql = "SELECT idempotency_key, id FROM events WHERE idempotency_key = ANY($1)"

    def stored() -> dict[str, str]:
        return {row["idempotency_key"]: format_id(Prefix.EVENT, row["id"].hex) for row in rows(sql, keys)}

    rows = testbed.installation.rows
    eventually(lambda: len(stored()) == len(keys), "all events that were published by message are stored", 30)
    testbed.publisher.acknowledged |= stored()


def tripled(testbed: Testbed) -> None:
    """Have every delivery enqueued three times more, in messages of one each that come in no order."""
    testbed.two_workers()
    enqueued = 0
    end = time.monotonic() + testbed.outage_seconds
    while time.monotonic() < end:
        testbed.wait_for_arrivals(10)
        ids = [row["id"].hex for row in testbed.installation.rows("SELECT id FROM deliveries ORDER BY id")]
        messages = [format_id(Prefix.DELIVERY, each) for each in ids[enqueued:] * 3]
        testbed.random.shuffle(messages)
        ring(testbed, messages)
        enqueued = len(ids)


def ring(testbed: Testbed, deliveries: list[str]) -> None:
    """Send each of these deliveries to the workers, in a message of its own."""
    with Celery("faults", broker=testbed.broker.url) as app:
        for each in deliveries:
            app.send_task("flux.deliver", args=[[each]], queue="deliver")
