"""What Celery and kombu would waste: clients and messages."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu.asynchronous import Hub
from kombu.transport.redis import Channel

from workers.thrift import ThriftyConsumer, _shared_client, share_redis_clients


@pytest.fixture
def channel(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Channel, "conn_or_acquire", Channel.conn_or_acquire)
    share_redis_clients()
    with Celery(broker=redis_url).connection_for_write() as connection:
        yield connection.default_channel


def test_a_channel_keeps_its_client_until_its_pool_is_lost(channel: Any) -> None:
    with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
        assert first is second
        assert first.ping()
    channel._disconnect_pools()
    with channel.conn_or_acquire() as third:
        assert third is not first
        assert third.ping()


def test_a_client_that_is_given_is_the_one_used(channel: Any) -> None:
    given = object()
    with _shared_client(channel, given) as client:
        assert client is given


def test_events_that_follow_each_other_are_sent_together() -> None:
    flushed: list[int] = []
    hub = Hub()
    consumer = SimpleNamespace(hub=hub, _is_flush_due=False, _flush_events=lambda: flushed.append(1))
    consumer._flush_soon = lambda: ThriftyConsumer._flush_soon(consumer)
    for _ in range(5):
        ThriftyConsumer.on_send_event_buffered(consumer)
    (entry,) = hub.timer.queue
    assert not flushed
    entry.entry()
    assert flushed == [1]
    ThriftyConsumer.on_send_event_buffered(consumer)
    assert len(hub.timer.queue) == 2
