"""What may come through the broker: no message ends a worker, none is lost in silence, none of others is destroyed."""

import json
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import redis
from celery import Celery

from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually
from workers.refused import kept


@pytest.fixture
def running(installation: Installation) -> Iterator[tuple[Installation, Celery, str, Receiver]]:
    with Receiver() as receiver, Celery("shop", broker=installation.redis_url) as producer:
        installation.start_api()
        installation.start_worker()
        installation.webhook(receiver.url)
        installation.call("POST", "/v1/event-types", json={"name": "described", "schema": {"required": ["a"]}})
        (row,) = installation.rows("SELECT id FROM accounts")
        yield installation, producer, f"acct_{row['id'].hex}", receiver


def refused(installation: Installation) -> list[Any]:
    with redis.Redis.from_url(installation.redis_url) as client:
        return list(kept(client))


def test_what_can_never_be_stored_is_said_in_one_line_and_kept(
    running: tuple[Installation, Celery, str, Receiver],
) -> None:
    installation, producer, account, receiver = running
    good = {"account": account, "type": "order.completed", "data": {}}
    bad = [
        good | {"type": "described"},
        *(good | {"data": data} for data in (None, [1])),
        good | {"data": {"n": float("nan")}},
        good | {"data": {"n": "\0"}},
        good | {"type": "order completed"},
        good | {"type": 7},
        good | {"account": "acct_" + uuid.uuid4().hex},
        good | {"account": None},
        good | {"colour": "red"},
        {"account": account, "data": {}},
    ]
    for fields in bad:
        producer.send_task("flux.publish", kwargs=fields)
        producer.send_task("flux.publish", kwargs=good)
    producer.send_task("flux.publish", args=[account, "order.completed", {}])
    producer.send_task("flux.publish", kwargs=good | {"data": {"text": "x" * 300_000}})
    eventually(lambda: len(receiver.requests) == len(bad), "every good one is delivered")
    eventually(lambda: len(refused(installation)) == len(bad) + 2, "every bad one is kept")
    said = installation.processes[1].log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if "refused" in line]
    assert len(lines) == len(bad) + 2
    assert all(line["reason"] and line["kept"] for line in lines)
    assert "Traceback" not in said
    listed = installation.start("refused", "refused", "list")
    assert listed.process.wait(20) == 0
    assert len(listed.log.read_text().splitlines()) == len(lines)
    as_json = installation.start("refused", "refused", "list", "--json")
    assert as_json.process.wait(20) == 0
    whole = [json.loads(line) for line in as_json.log.read_text().splitlines()]
    assert {"colour": "red"}.items() <= json.loads(
        next(each["message"] for each in whole if "colour" in each["why"])
    ).items()
    unknown = next(line for line in lines if "There is no account" in line["reason"])
    assert (unknown["account"], unknown["event_type"]) == (bad[7]["account"], "order.completed")


def test_what_celery_carries_beyond_json_becomes_text(running: tuple[Installation, Celery, str, Receiver]) -> None:
    _, producer, account, receiver = running
    data = {
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "on": date(2026, 1, 2),
        "id": uuid.UUID(int=7),
        "amount": [Decimal("10.10")],
    }
    producer.send_task("flux.publish", kwargs={"account": account, "type": "order.completed", "data": data})
    arrived = eventually(lambda: receiver.requests, "it is delivered")[0]
    assert json.loads(arrived.body)["data"] == {
        "at": "2026-01-02T03:04:05Z",
        "on": "2026-01-02",
        "id": "00000000-0000-0000-0000-000000000007",
        "amount": ["10.10"],
    }


def broken(envelope: dict[str, Any]) -> dict[str, object]:
    """Return what is wrong with messages, and for each a message that has it."""
    number = b64encode(b'[[], {"data": {"n": ' + b"7" * 5000 + b"}}, {}]").decode()
    bare = {key: value for key, value in envelope["properties"].items() if key != "delivery_info"}
    return {
        "argument of type 'int'": envelope | {"body": "NQ=="},
        "a bytes-like object": envelope | {"body": ""},
        "not enough values": envelope | {"body": "W10="},
        "expected 3, got 0": envelope | {"body": "e30="},
        "Expecting value: line 1 column 1 (char 0).": envelope | {"body": "bm90IGpzb24="},
        "an integer of over 4300 digits: send it as text": envelope | {"body": number},
        "Its content is application/x-python-serialize": envelope | {"content-type": "application/x-python-serialize"},
        "Its content is application/x-yaml": envelope | {"content-type": "application/x-yaml"},
        "Its content is None": envelope | {"content-type": None},
        "no headers": envelope | {"headers": None},
        "no id": envelope | {"headers": {"task": "flux.publish"}},
        "headers that are none": envelope | {"headers": "a"},
        "a body that is none": envelope | {"body": 5},
        "a body that is not base64": envelope | {"body": "a"},
        "no delivery_info": envelope | {"properties": bare},
        "no tag": envelope | {"properties": {}},
        "no envelope": {"a": 1},
        "a number": 5,
        "nothing": None,
    }


RAW = {
    "garbage": "garbage",
    "bytes": b"\xff\xfe",
    "text without an end": '"',
    "a decimal that is none": '{"__type__": "decimal", "__value__": "x"}',
    "an envelope with a long integer": "[" + "7" * 5000 + "]",
    "an envelope nested without end": "[" * 100_000,
}


def test_no_message_ends_a_worker(running: tuple[Installation, Celery, str, Receiver]) -> None:
    installation, producer, account, receiver = running
    worker = installation.processes[1]
    with redis.Redis.from_url(installation.redis_url) as client:
        producer.send_task("flux.publish", queue="elsewhere")
        cases = broken(json.loads(client.rpop("elsewhere")))
        for each in [*map(json.dumps, cases.values()), *RAW.values()]:
            client.lpush("ingest", each)
        commands = f"/{client.get_connection_kwargs().get('db', 0)}.flux.pidbox"
        for each in ("garbage", "5", '{"a": 1}'):
            assert client.publish(commands, each) == 1
    producer.send_task(
        "flux.publish", kwargs={"account": account, "type": "order.completed", "data": {}}, queue="ingest"
    )
    eventually(lambda: receiver.requests, "the good one behind them is delivered", 30)
    eventually(lambda: len(refused(installation)) == len(cases) + len(RAW) + 2, "each is kept")
    said = worker.log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if "refused" in line]
    assert sorted(line["reason"] for line in lines) == sorted(each["why"] for each in refused(installation))
    assert all(line["kept"] for line in lines)
    assert {line.get("queue") for line in lines} == {"ingest", "elsewhere", "broadcast", None}
    reasons = "\n".join(line["reason"] for line in lines)
    for words in list(cases)[:8]:
        assert words in reasons
    assert "sys.set_int_max_str_digits" not in reasons
    assert worker.process.poll() is None
    assert not [words for words in ("Unrecoverable", "Connection to broker lost") if words in said]


def test_what_is_refused_while_redis_takes_nothing_is_said_though_not_kept(
    running: tuple[Installation, Celery, str, Receiver],
) -> None:
    installation, producer, account, receiver = running
    installation.processes[1].stop()
    good = {"account": account, "type": "order.completed", "data": {}}
    producer.send_task("flux.publish", kwargs=good | {"type": "order completed"}, queue="ingest")
    producer.send_task("flux.nonsense", queue="ingest")
    producer.send_task("flux.publish", kwargs=good, queue="ingest")
    with redis.Redis.from_url(installation.redis_url) as client:
        client.lpush("ingest", "garbage")
        client.config_set("maxmemory", 1)
        try:
            worker = installation.start("worker", "worker")
            eventually(lambda: receiver.requests, "the good one is delivered", 30)
            eventually(lambda: worker.log.read_text().count('"kept": false') == 3, "each is said", 30)
        finally:
            client.config_set("maxmemory", 0)
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if '"kept"' in line]
    assert {line["event"] for line in lines} == {"publication.refused", "message.refused"}
    assert refused(installation) == []
    producer.send_task("flux.publish", kwargs=good | {"type": "order completed"}, queue="ingest")
    eventually(lambda: len(refused(installation)) == 1, "the next one is kept again", 30)


def test_tasks_of_another_application_stay_in_its_queue(running: tuple[Installation, Celery, str, Receiver]) -> None:
    installation, producer, _, _ = running
    worker = installation.processes[1]
    ours = {str(producer.send_task(name, args=[1])) for name in ["shop.mail", "celery.map", "shop.bill"] for _ in "ab"}
    eventually(lambda: worker.logged("queue.shared"), "the worker says that the queue is shared")

    def waiting() -> set[str]:
        with redis.Redis.from_url(installation.redis_url) as client:
            return {json.loads(each)["headers"]["id"] for each in client.lrange("celery", 0, -1)}

    eventually(lambda: waiting() == ours, "they are all back")
    assert worker.log.read_text().count("queue.shared") == 1
    assert refused(installation) == []


def test_a_database_that_refuses_for_seconds_costs_no_message(
    running: tuple[Installation, Celery, str, Receiver],
) -> None:
    installation, producer, account, receiver = running
    (row,) = installation.rows("SELECT current_database()")
    read_only = f'ALTER DATABASE "{row[0]}" SET default_transaction_read_only'
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    installation.rows(f"{read_only} = on")
    installation.rows(ended, row[0])
    for _ in range(50):
        producer.send_task("flux.publish", kwargs={"account": account, "type": "order.completed", "data": {}})
    first = installation.processes[1]
    eventually(lambda: first.logged("publications.wait"), "the worker says that publications wait")
    assert first.stop() == 0
    killed = installation.start_worker()
    eventually(lambda: killed.logged("publications.wait"), "so does the next one")
    with redis.Redis.from_url(installation.redis_url) as client:
        eventually(lambda: client.hlen("unacked") == 16, "it holds one message for each of its threads")
        killed.kill()
        # the visibility time-out, passed
        client.zadd("unacked_index", dict.fromkeys(client.zrange("unacked_index", 0, -1), 0))
    # by way of another database, for in this one it would be refused
    elsewhere = replace(installation, database_url=installation.database_url.replace(f"/{row[0]}?", "/postgres?"))
    elsewhere.rows(f"{read_only} = off")
    elsewhere.rows(ended, row[0])
    installation.start_worker()
    eventually(lambda: len(receiver.requests) == 50, "each is delivered", 30)
    assert len({each.event for each in receiver.requests}) == 50
    assert refused(installation) == []
