"""What counts for keys connects to the Redis that Celery uses, however its URL is written."""

from typing import Any

import pytest

from config.redis_url import read_redis_url
from workers.redis_client import open_redis

URLS: list[tuple[str, dict[str, Any]]] = [
    ("redis://:s%2Fcret@redis.example:6380/3", {"host": "redis.example", "port": 6380, "db": 3, "password": "s/cret"}),
    ("redis://name:pw@[::1]/0", {"host": "::1", "port": 6379, "username": "name", "password": "pw"}),
    ("unix:///run/redis.sock?db=2", {"path": "/run/redis.sock", "db": 2}),
    ("unix://:pw@/run/redis.sock", {"path": "/run/redis.sock", "password": "pw"}),
    ("rediss://redis.example/0?ssl_cert_reqs=none", {"host": "redis.example", "port": 6379}),
    ("sentinel://:pw@one:26379,two/4?master=mine", {"password": "pw", "db": 4}),
]


@pytest.mark.parametrize(("url", "wanted"), URLS)
async def test_the_client_is_of_the_redis_that_is_named(url: str, wanted: dict[str, Any]) -> None:
    client = open_redis(read_redis_url(url))
    pool = client.connection_pool
    assert pool.connection_kwargs.items() >= wanted.items()
    assert pool.connection_kwargs["socket_timeout"] == 2
    if url.startswith("sentinel"):
        assert pool.service_name == "mine"
        known = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
        assert [(each["host"], each["port"], each["socket_timeout"]) for each in known] == [
            ("one", 26379, 2),
            ("two", 26379, 2),
        ]
    if url.startswith("rediss"):
        assert "SSL" in pool.connection_class.__name__
        assert pool.make_connection().ssl_context.cert_reqs.name == "CERT_NONE"
    await client.aclose()
