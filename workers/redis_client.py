"""Clients of the broker's Redis for what is no message: the same server, reached as Celery's URL says."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

from config.redis_url import RedisUrl

_TIMEOUTS = {"socket_timeout": 2, "socket_connect_timeout": 2}


def open_redis(broker: RedisUrl, **options: Any) -> Redis:  # noqa: ANN401 - those of redis-py
    """Return a client of the Redis that Celery's URL names; it connects when it is asked."""
    given: dict[str, Any] = _TIMEOUTS | (broker.tls or {}) | options
    first = broker.url.split(";")[0]
    if first.startswith("sentinel://"):
        return _client_of_master(broker, given)
    url = first.replace("redis+socket://", "unix://").replace("?virtual_host=", "?db=")
    client: Redis = Redis.from_url(url, **given)
    return client


def _client_of_master(broker: RedisUrl, options: dict[str, Any]) -> Redis:
    parsed = [Redis.from_url(each.replace("sentinel://", "redis://")) for each in broker.url.split(";")]
    given = [each.connection_pool.connection_kwargs for each in parsed]
    access = {name: given[0][name] for name in ("username", "password", "db") if given[0].get(name) is not None}
    limits = {name: value for name, value in broker.options["sentinel_kwargs"].items() if name != "retry"}
    sentinel: Any = Sentinel([(each["host"], each["port"]) for each in given], sentinel_kwargs=limits)  # type: ignore[no-untyped-call]
    client: Redis = sentinel.master_for(broker.options["master_name"], **access, **options)
    return client
