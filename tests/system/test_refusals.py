"""A Redis that answers and refuses is like none: 202, deliveries go on, workers live, and all comes back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import redis
from celery import Celery

from tests.support.installation import Installation, Process
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

EVENT = {"type": "order.completed", "data": {}}
ENDLESS = "while true do end"


def command(refuse: str, allow: str) -> object:
    @contextmanager
    def refusing(url: str) -> Iterator[None]:
        with redis.Redis.from_url(url) as client:
            client.execute_command(*refuse.split())
            try:
                yield
            finally:
                client.execute_command(*allow.split())

    return refusing


@contextmanager
def script(url: str) -> Iterator[None]:
    """Have a script run that does not end."""
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(url) as other:
        before = client.config_get("lua-time-limit")["lua-time-limit"]
        client.config_set("lua-time-limit", 1)
        running = threading.Thread(target=lambda: suppressed(other))
        running.start()
        eventually(lambda: is_busy(client), "the script runs")
        try:
            yield
        finally:
            client.script_kill()
            running.join()
            eventually(lambda: not is_busy(client), "the script has ended")
            client.config_set("lua-time-limit", before)


def suppressed(client: redis.Redis) -> None:
    with suppress(redis.RedisError):
        client.eval(ENDLESS, 0)


def is_busy(client: redis.Redis) -> bool:
    try:
        return not client.ping()
    except redis.ResponseError:
        return True


@contextmanager
def no_permission(url: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "default", "-@write", "-@pubsub")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def no_messages(url: str) -> Iterator[None]:
    """Take every message, and give none out."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "default", "-brpop")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+@all")


REFUSALS = [
    pytest.param(command("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"), id="full"),
    pytest.param(command("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"), id="read-only"),
    pytest.param(no_permission, id="no permission"),
    pytest.param(command("SET deliver wrong", "DEL deliver"), id="wrong type"),
    pytest.param(no_messages, id="gives no messages out"),
    pytest.param(script, id="a script runs"),
]


@pytest.mark.parametrize("refusing", REFUSALS)
def test_deliveries_go_on_and_all_comes_back(refusing: object, installation: Installation) -> None:
    with Receiver() as receiver:
        installation.start_api()
        first = installation.start_worker()
        installation.webhook(receiver.url)
        events = {installation.publish()}
        eventually(lambda: len(receiver.requests) == 1, "all is well")
        with refusing(installation.redis_url):  # type: ignore[operator]
            events |= {installation.publish() for _ in range(5)}
            eventually(lambda: len(receiver.requests) == len(events), "deliveries go on", 30)
            assert refusing is no_messages or not is_ready(installation)
            second = installation.start("worker", "worker")
            eventually(lambda: second.logged("broker.unavailable") or is_engine_up(second), "a second worker runs")
            first.kill()
            events |= {installation.publish() for _ in range(5)}
            eventually(lambda: len(receiver.requests) == len(events), "the second delivers by itself", 30)
        eventually(lambda: is_ready(installation), "the API says that Redis is back", 10)
        (account,) = installation.rows("SELECT id FROM accounts")
        with Celery("shop", broker=installation.redis_url) as producer:
            producer.send_task("flux.publish", kwargs=EVENT | {"account": f"acct_{account['id'].hex}"})
        eventually(lambda: len(receiver.requests) == len(events) + 1, "messages are taken again", 15)
        assert second.process.poll() is None
        assert {each.event for each in receiver.requests} > events
        assert second.log.read_text().count("\n") < 100, "it says too much"
        assert "Unrecoverable" not in second.log.read_text()


def is_engine_up(process: Process) -> bool:
    return process.process.poll() is None


def is_ready(installation: Installation) -> bool:
    return bool(httpx.get(f"{installation.api_url}/readyz").json()["checks"]["redis"] == "ok")
