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
from tests.faults.ground import Ground
from tests.system.installation import Part
from tests.waiting import eventually, wait_seconds


def emptied(ground: Ground) -> None:
    ground.two_workers()
    for _ in range(5):
        ground.wait_for_arrivals(20)
        ground.broker.do("FLUSHALL")
    ground.note_end_of_fault()
    ground.wait_until_messages_bring_deliveries()


def restarted_empty(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.kill()
    ground.broker.start()
    ground.note_end_of_fault()
    ground.wait_for_acknowledged(50)
    ground.wait_until_messages_bring_deliveries()
    eventually(lambda: ground.broker.do("LLEN", "deliver") == 0, "workers have read all messages", 30)
    _all_live(workers)


def down(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    with _publishing_unhindered(ground):
        ground.broker.kill()
        wait_seconds(ground.outage_seconds)
        ground.wait_for_arrivals(100)  # while it is still down
    ground.broker.start()
    ground.note_end_of_fault()
    ground.wait_until_messages_bring_deliveries()
    _all_live(workers)


def frozen(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    with _publishing_unhindered(ground):
        ground.broker.freeze()
        wait_seconds(ground.outage_seconds)
    ground.broker.thaw()
    ground.note_end_of_fault()
    ground.wait_until_messages_bring_deliveries()
    _all_live(workers)


@contextmanager
def _publishing_unhindered(ground: Ground) -> Iterator[None]:
    """While the broker is away, every event is acknowledged, 99 of 100 at most 300 ms later than usual."""
    usual = _slow(ground.publisher.seconds)
    before, unclear = len(ground.publisher.seconds), len(ground.publisher.unclear)
    yield
    seconds = ground.publisher.seconds[before:]
    assert len(seconds) > ground.outage_seconds, f"{len(seconds)} events were acknowledged meanwhile"
    assert _slow(seconds) - usual < 0.3, f"publishing took {_slow(seconds):.2f} s, {usual:.3f} s is usual"
    assert ground.publisher.refused == [], f"publishing answered {ground.publisher.refused}"
    assert len(ground.publisher.unclear) == unclear, "publishing was left without an answer"


def _slow(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


def _all_live(workers: tuple[Part, ...]) -> None:
    assert all(worker.process.poll() is None for worker in workers), "a worker ended by itself"


def read_only(ground: Ground) -> None:
    """Have it answer, and refuse every write, as one does that became a replica; a worker starts meanwhile."""
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    keys = publish_by_message(ground, 50)
    with _publishing_unhindered(ground):
        ground.broker.do("REPLICAOF", "127.0.0.1", "1")
        late = ground.installation.start("worker", "worker")
        wait_seconds(ground.outage_seconds)
        ground.wait_for_arrivals(50)
    ground.broker.do("REPLICAOF", "NO", "ONE")
    ground.note_end_of_fault()
    wait_until_stored(ground, keys)
    ground.wait_until_messages_bring_deliveries()
    _all_live((*workers, late))


def full(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.do("CONFIG", "SET", "maxmemory", "1")
    wait_seconds(ground.outage_seconds)
    ground.wait_for_arrivals(50)
    said = [part.log.read_text().count("broker.away") for part in ground.installation.parts]
    assert said[0] == 1, f"the API said {said[0]} times that the broker is away"
    assert max(said) == 1, f"the workers said {said[1:]} times that the broker is away"
    ground.broker.do("CONFIG", "SET", "maxmemory", "0")
    ground.note_end_of_fault()
    ground.wait_until_messages_bring_deliveries()
    _all_live(workers)


def full_of_publications(ground: Ground) -> None:
    """Have hundreds of events under way through the broker, more than workers hold at once, while it is full."""
    workers = ground.two_workers()
    ground.wait_for_arrivals(10)
    for worker in workers:
        worker.process.send_signal(signal.SIGSTOP)
    keys = publish_by_message(ground, 400)
    ground.broker.do("CONFIG", "SET", "maxmemory", "1")
    for worker in workers:
        worker.process.send_signal(signal.SIGCONT)
    wait_seconds(ground.outage_seconds)
    ground.broker.do("CONFIG", "SET", "maxmemory", "0")
    ground.note_end_of_fault()
    keys += publish_by_message(ground, 100)
    wait_until_stored(ground, keys)
    ground.wait_until_messages_bring_deliveries()
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


def malformed_publications(ground: Ground) -> None:
    """Publish by message what can never be stored among what can: it costs itself, and is kept to be looked at."""
    ground.two_workers()
    ground.wait_for_arrivals(10)
    keys = []
    for number in range(90):
        keys += publish_by_message(ground, 4)
        publish_by_message(ground, 1, MALFORMED[number % len(MALFORMED)])
    wait_until_stored(ground, keys)
    ground.note_end_of_fault()
    eventually(lambda: ground.broker.do("LLEN", "flux.refused") == len(keys) // 4, "what was refused is kept")


def publish_by_message(ground: Ground, count: int, changes: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """Publish as a Celery producer does, and return the idempotency keys."""
    (account,) = ground.installation.rows("SELECT id FROM accounts")
    keys = [uuid.uuid4().hex for _ in range(count)]
    with Celery("faults", broker=ground.broker.url) as app:
        for key in keys:
            event = {"account": f"acct_{account['id'].hex}", "type": "order.completed", "data": {}}
            app.send_task("flux.publish", kwargs=event | {"idempotency_key": key} | changes, queue="ingest")
    return keys


def wait_until_stored(ground: Ground, keys: list[str]) -> None:
    """Wait until these events are stored, and have them judged like all that were acknowledged."""
    sql = "SELECT idempotency_key, id FROM events WHERE idempotency_key = ANY($1)"

    def stored() -> dict[str, str]:
        return {row["idempotency_key"]: format_id(Prefix.EVENT, row["id"].hex) for row in rows(sql, keys)}

    rows = ground.installation.rows
    eventually(lambda: len(stored()) == len(keys), "all events that were published by message are stored", 30)
    ground.publisher.acknowledged |= stored()


def tripled(ground: Ground) -> None:
    """Have every delivery rung three times more, in messages of one each that come in no order."""
    ground.two_workers()
    rung = 0
    end = time.monotonic() + ground.outage_seconds
    while time.monotonic() < end:
        ground.wait_for_arrivals(10)
        ids = [row["id"].hex for row in ground.installation.rows("SELECT id FROM deliveries ORDER BY id")]
        messages = [format_id(Prefix.DELIVERY, each) for each in ids[rung:] * 3]
        ground.random.shuffle(messages)
        ring(ground, messages)
        rung = len(ids)


def ring(ground: Ground, deliveries: list[str]) -> None:
    """Send each of these deliveries to the workers, in a message of its own."""
    with Celery("faults", broker=ground.broker.url) as app:
        for each in deliveries:
            app.send_task("flux.deliver", args=[[each]], queue="deliver")
