"""What this engine wants of Celery's consumer that Celery does not do by itself."""

import errno
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from celery import Celery
from celery.worker import state
from kombu.asynchronous import Hub
from kombu.exceptions import OperationalError

from workers.consumer import FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, FluxConsumer, OutOfFiles, StandsStill


def test_events_that_follow_each_other_are_sent_together() -> None:
    flushed: list[int] = []
    hub = Hub()
    consumer = SimpleNamespace(hub=hub, _is_flush_due=False, _flush_events=lambda: flushed.append(1))
    consumer._flush_soon = lambda: FluxConsumer._flush_soon(consumer)
    for _ in range(5):
        FluxConsumer.on_send_event_buffered(consumer)
    (entry,) = hub.timer.queue
    assert not flushed
    entry.entry()
    assert flushed == [1]
    FluxConsumer.on_send_event_buffered(consumer)
    assert len(hub.timer.queue) == 2


def test_a_broker_that_is_away_is_asked_for_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", pauses.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody_listens = server.getsockname()[1]
    app = Celery(broker=f"redis://127.0.0.1:{nobody_listens}/0")
    app.conf.update(broker_connection_max_retries=6, broker_connection_retry_on_startup=True)
    consumer = FluxConsumer.__new__(FluxConsumer)
    consumer.app, consumer.first_connection_attempt, consumer.broker_connection_retry_attempt = app, True, 0
    with app.connection_for_read() as connection, pytest.raises(OperationalError):
        consumer.ensure_connected(connection)
    assert sum(pauses) == 2 + 5 * MAX_PAUSE_SECONDS


@pytest.fixture
def standing(redis_url: str) -> Any:
    """A consumer with room for messages of two queues that takes none."""
    client = redis.Redis.from_url(redis_url)
    channel = SimpleNamespace(
        qos=SimpleNamespace(taken=0), active_queues=["deliver", "retry"], conn_or_acquire=lambda: client
    )
    consumer = FluxConsumer.__new__(FluxConsumer)
    consumer.task_consumer = SimpleNamespace(channel=channel)
    consumer.pool = SimpleNamespace(num_processes=1)
    consumer._taken = 0
    yield consumer
    client.close()


@pytest.mark.parametrize("key", ["deliver", "retry\x06\x169"])
def test_a_consumer_that_takes_nothing_of_what_waits_begins_anew(standing: Any, redis_url: str, key: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(key, "message")
    standing._check_for_messages()
    with pytest.raises(StandsStill):
        standing._check_for_messages()


def test_a_consumer_that_moves_or_is_busy_or_has_nothing_to_take_is_left_alone(
    standing: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(3):
            standing._check_for_messages()
        client.lpush("deliver", "message")
        for _ in range(3):
            standing.task_consumer.channel.qos.taken += 1
            standing._check_for_messages()
        monkeypatch.setattr(state, "active_requests", {"one"})
        for _ in range(3):
            standing._check_for_messages()
        monkeypatch.undo()
        standing._check_for_messages()
        client.delete("deliver")
        standing._check_for_messages()
        client.config_resetstat()
        standing._check_for_messages()
        assert client.info("commandstats")["cmdstat_exists"]["calls"] == 1


def test_a_broker_that_lets_in_and_refuses_at_once_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    now, pauses = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("workers.consumer.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    done_without: list[float] = []
    consumer = FluxConsumer.__new__(FluxConsumer)
    consumer.app = SimpleNamespace(flux_engine=SimpleNamespace(do_without_broker=done_without.append))
    consumer._began_at = 0.0
    for _ in range(7):
        before = now
        consumer._rest()
        pauses.append(now - before)
    assert pauses[0] < 3 * FIRST_PAUSE_SECONDS
    assert pauses[1] < pauses[2] < pauses[3]
    assert pauses[-1] == pytest.approx(MAX_PAUSE_SECONDS, abs=0.11)
    assert len(done_without) == 7
    now += 60
    before = now
    consumer._rest()
    assert now == before
    assert len(done_without) == 7


@pytest.mark.parametrize("lost", [OSError(errno.EMFILE, "Too many open files"), OperationalError("wrapped")])
def test_a_want_of_files_is_a_lost_connection_and_does_not_end_the_worker(lost: Exception) -> None:
    lost.__cause__ = OSError(errno.EMFILE, "Too many open files")

    class Broken:
        alias = "broken"

        def start(self, _: object) -> None:
            raise lost

    blueprint = FluxConsumer.Blueprint()
    with pytest.raises(OutOfFiles) as raised:
        blueprint.start(SimpleNamespace(steps=[Broken()]))
    assert raised.value.errno is None
