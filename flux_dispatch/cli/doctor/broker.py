"""Redis: whether it answers, and is set up so that nothing that it was told is thrown out again."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flux_dispatch.cli.broker import broker_client
from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, unknown, warning, wrong

REDIS, EVICTION, PERSISTENCE, MEMORY = "Redis", "Redis eviction", "Redis persistence", "Redis memory"
OLDEST_VERSION: Final = (6, 0)
NEARLY_FULL: Final = 0.9
NEVER: Final = "noeviction"


def check_broker(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of Redis."""
    url = installation.settings.redis_url
    if not url:
        yield wrong(REDIS, "FLUX_REDIS_URL is not set.", "Give it as redis://host:6379/0; or start `flux up` here.")
        return
    try:
        with broker_client(url) as client:
            info = dict(client.info())
            policy = _policy(client, info)
    except Exception as error:  # noqa: BLE001 - kombu's errors have no common root
        yield wrong(
            REDIS,
            f"It does not answer: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "Check FLUX_REDIS_URL, and Redis. Without it, workers find events a little later, in the database.",
        )
        for name in (EVICTION, PERSISTENCE, MEMORY):
            yield unknown(name, "not asked: Redis does not answer")
        return
    yield _version(info)
    yield _eviction(policy)
    yield _persistence(info)
    yield _memory(info)


def _policy(client: Any, info: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - a Redis client of kombu
    """Return what is done when memory is full; some hosters forbid the question."""
    from redis.exceptions import RedisError

    try:
        told = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except RedisError:
        told = info.get("maxmemory_policy")
    return told.decode() if isinstance(told, bytes) else told


def _version(info: Mapping[str, Any]) -> Finding:
    version = str(info.get("redis_version", "?"))
    numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdigit())
    if numbers < OLDEST_VERSION:
        return warning(
            REDIS, f"Redis {version} answers.", "6.0 is the oldest that Flux Dispatch is tried with: upgrade it."
        )
    if str(info.get("role", "master")) != "master":
        return wrong(
            REDIS, f"Redis {version} is a replica, which takes no writes.", "Name the primary in FLUX_REDIS_URL."
        )
    return ok(REDIS, f"Redis {version}")


def _eviction(policy: str | None) -> Finding:
    if policy is None:
        return unknown(EVICTION, "Redis does not say")
    if policy == NEVER:
        return ok(EVICTION, policy)
    return wrong(
        EVICTION,
        f"maxmemory-policy is {policy}: when its memory is full, Redis throws messages out.",
        f"CONFIG SET maxmemory-policy {NEVER}, and in redis.conf. A full Redis is then an error that workers outlive.",
    )


def _persistence(info: Mapping[str, Any]) -> Finding:
    failed = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
        if str(info.get(name, "ok")) != "ok"
    ]
    if failed:
        said = f"Redis cannot save ({failed[0]}), and may refuse all writes until it can."
        return wrong(PERSISTENCE, said, 'Look at the disk of Redis and into its log; or switch saving off: save "".')
    if int(info.get("aof_enabled", 0)):
        return ok(PERSISTENCE, "an append-only file")
    return ok(PERSISTENCE, "none is needed: what is lost is made again, but for events of Celery producers under way")


def _memory(info: Mapping[str, Any]) -> Finding:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    said = f"{used / 1e6:,.0f} MB" + (f" of {most / 1e6:,.0f} MB" if most else "")
    mend = "Give it more (maxmemory); more workers empty its queues."
    if most and used >= most:
        return wrong(MEMORY, f"It is full, and refuses messages: {said}.", mend)
    if most and used > NEARLY_FULL * most:
        return warning(MEMORY, f"It is nearly full: {said}.", mend)
    return ok(MEMORY, said)
