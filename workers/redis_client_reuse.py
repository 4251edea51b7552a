"""Keeps one Redis client for each pool of connections, where kombu 5.7 makes one for each command, at some cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport.redis import Channel


def share_redis_clients() -> None:
    """Have every Redis channel of this process keep its client."""
    Channel.conn_or_acquire = _shared_client


@contextmanager
def _shared_client(channel: Any, client: Any = None) -> Iterator[Any]:  # noqa: ANN401 - kombu has no types
    if client is None:
        client = getattr(channel, "shared_client", None)
        # a channel whose connection was lost has a new pool
        if client is None or client.connection_pool is not channel.pool:
            client = channel.shared_client = channel._create_client()  # noqa: SLF001 - it has no public way
    yield client
