"""A Redis that answers and refuses is like none: 202, deliveries go on, workers live, and all comes back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeAlias

import httpx
import pytest
import redis
from celery import Celery

from tests.support.installation import Installation, Process
from tests.support.receiver import Receiver
from tests.support.waiting import eventually
from workers.refused import KEY

Refusing: TypeAlias = Callable[[str], AbstractContextManager[None]]

EVENT = {"type": "order.completed", "data": {}}
ENDLESS = "while true do end"


def command(refuse: str, allow: str) -> Refusing:
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
def _alone(url: str) -> Iterator[redis.Redis]:
    """Yield a client whose connection lasts, whatever becomes of those that are made later."""
    with redis.Redis.from_url(url, single_connection_client=True) as client:
        yield client


def _drop_others(client: redis.Redis) -> None:
    """End all other connections, as a restart or a proxy does: they have to be made anew."""
    for kind in ("normal", "pubsub"):
        client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


@contextmanager
def another_password(url: str) -> Iterator[None]:
    """Have another password than all know: none of them (NOAUTH), or the one before (WRONGPASS)."""
    with _alone(url) as client:
        before = client.config_get("requirepass")["requirepass"]
        client.config_set("requirepass", "another")
        _drop_others(client)
        try:
            yield
        finally:
            client.config_set("requirepass", before)


@contextmanager
def no_more_clients(url: str) -> Iterator[None]:
    with _alone(url) as client:
        before = client.config_get("maxclients")["maxclients"]
        client.config_set("maxclients", 1)
        _drop_others(client)
        try:
            yield
        finally:
            client.config_set("maxclients", before)


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
    *(
        pytest.param(command(f"SET {queue} wrong", f"DEL {queue}"), id=f"wrong type of {queue}")
        for queue in ("deliver", "retry", "bulk")
    ),
    pytest.param(another_password, id="another password"),
    pytest.param(no_more_clients, id="no more clients"),
    pytest.param(no_messages, id="gives no messages out"),
    pytest.param(script, id="a script runs"),
]


AT_THE_START = {"full", "read-only", "wrong type of retry", "another password", "no more clients"}


@pytest.mark.parametrize("refusing", REFUSALS)
def test_deliveries_go_on_and_all_comes_back(refusing: Refusing, installation: Installation) -> None:
    outlive(refusing, installation)


def test_a_password_where_there_was_none_is_outlived(installation: Installation) -> None:
    with without_password(installation):
        outlive(another_password, installation)


def outlive(refusing: Refusing, installation: Installation) -> None:
    with Receiver() as receiver:
        installation.start_api()
        first = installation.start_worker()
        installation.webhook(receiver.url)
        events = {installation.publish()}
        eventually(lambda: len(receiver.requests) == 1, "all is well")
        with refusing(installation.redis_url):
            events |= {installation.publish() for _ in range(5)}
            eventually(lambda: len(receiver.requests) == len(events), "deliveries go on", 30)
            # the API asks whether Redis takes what is due, and it does: that none of it is given out, only workers see
            assert is_ready(installation) == (refusing is no_messages)
            second = installation.start("worker", "worker")
            eventually(lambda: is_running(second), "a second worker runs")
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


@pytest.mark.parametrize("refusing", [each for each in REFUSALS if each.id in AT_THE_START])
def test_all_starts_while_redis_refuses(refusing: Refusing, installation: Installation) -> None:
    with Receiver() as receiver:
        with refusing(installation.redis_url):
            api = installation.start_api()
            installation.webhook(receiver.url)
            assert not is_ready(installation)
            events = {installation.publish() for _ in range(5)}
            worker = installation.start("worker", "worker")
            eventually(lambda: len(receiver.requests) == len(events), "the worker delivers by itself", 30)
            assert not is_ready(installation)
        eventually(lambda: is_ready(installation), "the API says that Redis is back", 10)
        eventually(lambda: worker.logged("ready."), "the worker takes messages", 15)
        events.add(installation.publish())
        eventually(lambda: len(receiver.requests) == len(events), "the next one is delivered")
        assert {each.event for each in receiver.requests} == events
        assert not [each for each in (api, worker) if each.logged("Unrecoverable") or each.process.poll() is not None]


def test_what_cannot_be_kept_is_said_and_holds_nobody_up(installation: Installation) -> None:
    installation.start_api()
    worker = installation.start_worker()
    (account,) = installation.rows("SELECT id FROM accounts")
    fields = EVENT | {"account": f"acct_{account['id'].hex}"}
    with (
        Receiver() as receiver,
        command(f"SET {KEY} wrong", f"DEL {KEY}")(installation.redis_url),
        Celery("shop", broker=installation.redis_url) as producer,
    ):
        installation.webhook(receiver.url)
        producer.send_task("flux.publish", kwargs=fields | {"type": "order completed"})
        producer.send_task("flux.publish", kwargs=fields)
        eventually(lambda: receiver.requests, "the good one is delivered")
        eventually(lambda: worker.logged('"kept": false'), "the bad one is said")
        assert is_ready(installation), "events are stored, and messages taken"
        listing = installation.start("refused", "refused", "list")
        assert (listing.process.wait(20), listing.log.read_text().count("\n")) == (1, 1)
        assert listing.logged("WRONGTYPE")


def is_running(worker: Process) -> bool:
    """Say whether a worker's consumer, which starts after its engine, takes messages or has said that it cannot."""
    return any(worker.logged(words) for words in ("ready.", "Cannot connect to", "Connection to broker lost"))


@contextmanager
def without_password(installation: Installation) -> Iterator[None]:
    """Let everybody in, and have the installation give no password."""
    with redis.Redis.from_url(installation.redis_url) as client:
        before = client.config_get("requirepass")["requirepass"]
        client.config_set("requirepass", "")
    installation.redis_url = installation.redis_url.replace(f":{before}@", "")
    try:
        yield
    finally:
        with redis.Redis.from_url(installation.redis_url) as client:
            client.config_set("requirepass", before)


def is_ready(installation: Installation) -> bool:
    return bool(httpx.get(f"{installation.api_url}/readyz").json()["checks"]["redis"] == "ok")
