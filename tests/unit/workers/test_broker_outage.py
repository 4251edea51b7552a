"""A worker's own account of its messages is settled whatever Redis says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from celery import Celery
from kombu import Exchange, Queue
from kombu.transport.redis import Channel

from config.celeryconfig import celery_settings
from workers.broker_outage import survive_lost_connections

QUEUE = Queue("deliver", Exchange("deliver"), routing_key="deliver")


@pytest.fixture
def app(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    for name in ("QoS", "_queue_bind", "_size"):
        monkeypatch.setattr(Channel, name, getattr(Channel, name))
    survive_lost_connections()
    with Celery("outage") as app:
        app.config_from_object(celery_settings(redis_url))
        yield app


@contextmanager
def full(url: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


@contextmanager
def replica_of_nobody(url: str) -> Iterator[None]:
    """Refuse every write."""
    with redis.Redis.from_url(url) as client:
        client.config_set("min-replicas-to-write", "1")
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", "0")


def length(url: str, key: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int({"list": client.llen, "hash": client.hlen, "none": lambda _: 0}[client.type(key).decode()](key))


class Consuming:
    """A channel that takes up to so many messages, and what it took."""

    def __init__(self, app: Celery, places: int) -> None:
        self.connection = app.connection_for_read()
        self.channel = self.connection.default_channel
        self.channel.basic_qos(0, places, False)  # noqa: FBT003 - kombu's way
        self.messages: list[Any] = []
        consumer = self.connection.Consumer([QUEUE], on_message=self.messages.append, channel=self.channel)
        consumer.consume()

    def take(self, count: int) -> None:
        for _ in range(count):
            self.connection.drain_events(timeout=5)


def send(app: Celery, count: int) -> None:
    for _ in range(count):
        app.send_task("flux.deliver", args=[[]], queue="deliver")


def test_acknowledgements_reach_a_full_redis(app: Celery, redis_url: str) -> None:
    send(app, 3)
    consuming = Consuming(app, 3)
    consuming.take(3)
    assert length(redis_url, "unacked") == 3
    with full(redis_url):
        for each in consuming.messages:
            each.ack()
    assert length(redis_url, "unacked") == 0
    consuming.connection.close()


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_whatever_redis_refuses_no_place_is_lost(app: Celery, redis_url: str, end: str) -> None:
    send(app, 4)
    consuming = Consuming(app, 2)
    for _ in range(2):
        consuming.messages.clear()
        consuming.take(2)
        assert not consuming.channel.qos.can_consume()
        with replica_of_nobody(redis_url):
            for each in consuming.messages:
                getattr(each, end)()
        assert consuming.channel.qos.can_consume()
    consuming.connection.close()


def test_what_a_full_redis_does_not_note_is_worked_on_and_put_back_at_the_end(app: Celery, redis_url: str) -> None:
    send(app, 3)
    consuming = Consuming(app, 3)
    with full(redis_url):
        consuming.take(3)
        assert length(redis_url, "unacked") == 0
        consuming.messages[0].ack()
    consuming.messages[1].requeue()
    consuming.connection.close()
    assert length(redis_url, "deliver") == 2


def test_a_worker_begins_to_consume_while_redis_is_full(app: Celery, redis_url: str) -> None:
    send(app, 1)
    with full(redis_url):
        consuming = Consuming(app, 1)
        consuming.take(1)
    assert consuming.channel.qos.taken == 1
    consuming.connection.close()
