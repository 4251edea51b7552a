"""What happens to Redis and to the messages in it."""

import time
from statistics import median

from celery import Celery

from tests.faults.ground import OUTAGE_SECONDS, Ground
from tests.system.installation import Part
from tests.waiting import eventually, wait_seconds


def emptied(ground: Ground) -> None:
    ground.two_workers()
    for _ in range(5):
        ground.wait_for_arrivals(20)
        ground.broker.do("FLUSHALL")
    ground.wait_for_arrivals(30)


def restarted_empty(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.kill()
    ground.broker.start()
    ground.wait_for_acknowledged(50)
    eventually(lambda: _consume_again(ground, workers), "workers consume again", 30)


def _consume_again(ground: Ground, workers: tuple[Part, Part]) -> bool:
    assert all(worker.process.poll() is None for worker in workers)
    return (
        ground.broker.do("LLEN", "deliver") == 0
        and ground.installation.rows(
            "SELECT FROM deliveries WHERE state = 'delivered' AND ended_at > now() - interval '1 second'"
        )
        != []
    )


def down(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.kill()
    before = len(ground.publisher.seconds)
    ground.wait_for_arrivals(100)  # while it is still down
    wait_seconds(OUTAGE_SECONDS)
    _publishing_was_quick(ground, before)
    ground.broker.start()
    ground.wait_for_arrivals(30)


def frozen(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.freeze()
    before = len(ground.publisher.seconds)
    ground.wait_for_acknowledged(100)
    _publishing_was_quick(ground, before)
    wait_seconds(OUTAGE_SECONDS)
    ground.broker.thaw()
    ground.wait_for_arrivals(30)


def _publishing_was_quick(ground: Ground, before: int) -> None:
    """While the broker is away, 99 of 100 publishers wait at most 300 ms longer than usual."""
    usual = median(ground.publisher.seconds[:before])
    slow = sorted(ground.publisher.seconds[before:])[-1 - len(ground.publisher.seconds[before:]) // 100]
    assert slow - usual < 0.3, f"publishing took {slow:.2f} s, {usual:.3f} s is usual"


def full(ground: Ground) -> None:
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.broker.do("CONFIG", "SET", "maxmemory", "1")
    ground.wait_for_arrivals(50)
    api = ground.installation.parts[0]
    said = api.log.read_text().count("broker.away")
    assert said == 1, f"the API said {said} times that the broker is away"
    ground.broker.do("CONFIG", "SET", "maxmemory", "0")
    ground.wait_for_arrivals(50)
    assert all(worker.process.poll() is None for worker in workers)


def tripled(ground: Ground) -> None:
    ground.two_workers()
    stop = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < stop:
        ground.wait_for_arrivals(10)
        rows = ground.installation.rows("SELECT id FROM deliveries ORDER BY random() LIMIT 60")
        ring(ground, [f"dlv_{row['id'].hex}" for row in rows])


def ring(ground: Ground, deliveries: list[str]) -> None:
    """Send the same deliveries to workers, in three messages."""
    with Celery("faults", broker=ground.broker.url) as app:
        for _ in range(3):
            app.send_task("flux.deliver", args=[deliveries], queue="deliver")
