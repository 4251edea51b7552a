"""What this engine wants of Celery's consumer that Celery does not do by itself."""

import socket
from types import SimpleNamespace

import pytest
from celery import Celery
from kombu.asynchronous import Hub
from kombu.exceptions import OperationalError

from workers.consumer import LONGEST_PAUSE_SECONDS, FluxConsumer


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
    assert sum(pauses) == 2 + 5 * LONGEST_PAUSE_SECONDS
