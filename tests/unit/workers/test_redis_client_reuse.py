"""What Celery and kombu would waste: clients."""

from typing import Any

import pytest
from celery import Celery
from kombu.transport.redis import Channel

from workers.redis_client_reuse import _shared_client, share_redis_clients


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
