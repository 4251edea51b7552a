"""Publishing with flux_webhooks.celery: it may be done again, says what is wrong before it sends, and ends soon."""

import json
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from flux_webhooks.celery import BrokerUnavailable, PublicationRefused, publish

from flux_dispatch.cli.embedded import free_port, redis_command
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import serialised
from flux_dispatch.engine.publish import _check
from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually
from workers.publication import read_publication

ACCOUNT = "acct_" + "0" * 32
TYPE = "order.completed"
ODD = {
    "task_routes": {"flux.*": {"queue": "elsewhere"}},
    "task_create_missing_queues": False,
    "task_default_queue": "shop",
    "task_serializer": "yaml",
    "task_compression": "gzip",
    "result_backend": "redis://127.0.0.1:1/0",
}


def account_of(installation: Installation) -> str:
    (row,) = installation.rows("SELECT id FROM accounts")
    return f"acct_{row['id'].hex}"


def test_what_is_sent_twice_with_its_key_is_one_event_whatever_the_application_sets(installation: Installation) -> None:
    with Receiver() as receiver, Celery("shop", broker=installation.redis_url) as app:
        app.conf.update(ODD)
        installation.start_api()
        installation.start_worker()
        installation.webhook(receiver.url)
        account = account_of(installation)
        data = {"at": datetime(2026, 1, 2, tzinfo=UTC), "total": Decimal("42.00"), "id": uuid.UUID(int=7), 7: [None]}
        key = publish(app, account, TYPE, data)
        assert publish(app, account, TYPE, data, key) == key
        publish(app, account, TYPE, {"n": 2}, "another")
        eventually(lambda: len(receiver.requests) == 2, "both events are delivered")
        eventually(lambda: installation.is_drained() and _is_empty(installation), "nothing is left")
        arrived = {each.event: json.loads(each.body)["data"] for each in receiver.requests}
        # one may overtake the other
        assert sorted(arrived.values(), key=len, reverse=True) == [
            {"at": "2026-01-02T00:00:00Z", "total": "42.00", "id": str(uuid.UUID(int=7)), "7": [None]},
            {"n": 2},
        ]
        assert installation.rows("SELECT count(*) FROM events")[0][0] == 2


def _is_empty(installation: Installation) -> bool:
    with redis.Redis.from_url(installation.redis_url) as client:
        return not client.llen("ingest") and not client.hlen("unacked")


def test_nobody_needs_to_be_there_when_it_is_sent(redis_url: str) -> None:
    with Celery("shop", broker=redis_url) as app, redis.Redis.from_url(redis_url) as client:
        key = publish(app, ACCOUNT, TYPE, {"order": 7})
        (message,) = client.lrange("ingest", 0, -1)
        headers = json.loads(message)["headers"]
        assert headers["task"] == "flux.publish"
        assert key == f"celery:{headers['id']}"


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels):
        data = {"in": data}
    return data


GOOD: dict[str, Any] = {"account": ACCOUNT, "type": TYPE, "data": {"a": 1}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "acct_7"},
        {"account": "ext:cus_7"},
        {"account": "ACCT_" + "0" * 32},
        {"account": 7},
        {"type": "order completed"},
        {"type": "order.completed\n"},
        {"type": ["order"]},
        {"data": [1]},
        {"data": {"raw": b"\xff"}},
        {"data": {"at": object()}},
        {"data": {"n": float("nan")}},
        {"data": {"n": "\0"}},
        {"data": {"\ud800": 1}},
        {"data": nested(99)},
        {"data": nested(5000)},
        {"idempotency_key": ""},
        {"idempotency_key": "ä"},
        {"idempotency_key": 7},
    ],
)
def test_what_a_worker_would_refuse_is_refused_before_it_is_sent(redis_url: str, wrong: dict[str, Any]) -> None:
    fields = GOOD | wrong
    with pytest.raises(InvalidRequest) as theirs:
        _read_as_a_worker_does(fields)
    with Celery("shop", broker=redis_url) as app, redis.Redis.from_url(redis_url) as client:
        with pytest.raises(PublicationRefused) as ours:
            publish(app, **fields)
        assert not client.exists("ingest")
    if "idempotency_key" not in wrong:  # a number is no text to a worker, and no key over HTTP
        assert (ours.value.code, ours.value.param) == (theirs.value.code, theirs.value.param)


def _read_as_a_worker_does(fields: dict[str, Any]) -> None:
    read = read_publication((), fields, "7")
    _check(read.account, read.type, read.data, read.idempotency_key)
    serialised(read.data)


def test_what_is_larger_than_the_workers_take_is_refused_before_it_is_sent(redis_url: str) -> None:
    large = {"text": "x" * 262_144}
    with Celery("shop", broker=redis_url) as app, redis.Redis.from_url(redis_url) as client:
        with pytest.raises(PublicationRefused, match="262144") as refused:
            publish(app, ACCOUNT, TYPE, large)
        assert (refused.value.code, refused.value.param) == ("body_too_large", "data")
        assert not client.exists("ingest")
        publish(app, ACCOUNT, TYPE, large, max_bytes=1_000_000)
        assert client.llen("ingest") == 1


def test_the_deepest_that_a_worker_takes_is_sent(redis_url: str) -> None:
    read_publication((), GOOD | {"data": nested(98)}, "7")
    with Celery("shop", broker=redis_url) as app:
        publish(app, ACCOUNT, TYPE, nested(98))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Redis that a test may stop."""
    started = redis_command(tmp_path, free_port())
    process = subprocess.Popen(started.arguments, stdout=subprocess.DEVNULL)
    try:
        yield started.url, process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


def test_a_broker_that_is_gone_or_frozen_is_a_clear_error_soon(
    broker: tuple[str, "subprocess.Popen[bytes]"],
) -> None:
    url, process = broker
    with Celery("shop", broker=url) as app:
        eventually(lambda: _is_sent(app), "the broker is there")
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable) as silent:
            publish(app, ACCOUNT, TYPE, {}, "order-7")
        assert time.monotonic() - began < 30
        assert silent.value.idempotency_key == "order-7"
        process.send_signal(signal.SIGCONT)
        eventually(lambda: _is_sent(app), "it is as good as before")
        process.terminate()
        process.wait(10)
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="same idempotency key") as gone:
            publish(app, ACCOUNT, TYPE, {})
        assert time.monotonic() - began < 10
        assert gone.value.idempotency_key.startswith("celery:")


def _is_sent(app: Celery) -> bool:
    try:
        return bool(publish(app, ACCOUNT, TYPE, {}))
    except BrokerUnavailable:
        return False
