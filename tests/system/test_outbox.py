"""From a commit in another service to its receiver: within a second, once, whoever dies on the way."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psycopg
import pytest
from flux_webhooks import outbox
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from flux_dispatch.cli.embedded import free_port, redis_command
from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

PUBLISH = "SELECT event FROM flux_publish(%s, 'order.completed', %s, %s)"
MAX_MORE_SECONDS = 0.002

# a service that writes an event, says so, and commits when it is told to
CALLER = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("SELECT event FROM flux_publish(%s, 'order.completed', '{}')", (sys.argv[2],))
    print("written", flush=True)
    sys.stdin.readline()
    connection.commit()
    print("committed", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def account(installation: Installation) -> str:
    (row,) = installation.rows("SELECT id FROM accounts")
    return f"acct_{row['id'].hex}"


def publish(installation: Installation, account: str, count: int = 1, key: str | None = None) -> list[str]:
    """Publish so many events in one transaction, and return their ids."""
    with psycopg.connect(installation.database_url) as connection:
        rows = [connection.execute(PUBLISH, (account, f'{{"n": {n}}}', key)).fetchone() for n in range(count)]
    return [row[0] for row in rows if row]


@pytest.mark.parametrize("redis_is", ["running", "dead"])
def test_an_event_is_on_its_way_within_a_second_of_its_commit(
    database_url: str, tmp_path: Path, receiver: Receiver, redis_is: str
) -> None:
    started = redis_command(tmp_path / "redis", free_port())
    process = subprocess.Popen(started.arguments, stdout=subprocess.DEVNULL)
    try:
        with Installation(database_url, started.url, tmp_path) as installation:
            installation.start_api()
            installation.webhook(receiver.url)
            installation.start_worker()
            (row,) = installation.rows("SELECT id FROM accounts")
            if redis_is == "dead":
                process.kill()
                process.wait(10)
            seconds = [_seconds_to_arrive(installation, f"acct_{row['id'].hex}", receiver) for _ in range(7)]
    finally:
        process.kill()
        process.wait(10)
    assert median(seconds) < 1, seconds


def _seconds_to_arrive(installation: Installation, account: str, receiver: Receiver) -> float:
    (made,) = publish(installation, account)
    committed_at = time.time()
    arrived = eventually(lambda: [each for each in receiver.requests if each.event == made], "it arrives")
    return arrived[0].at - committed_at


@pytest.mark.parametrize("step", ["before_relay", "relay_stored", "relay_ended", "after_relay"])
def test_a_worker_that_dies_while_it_relays_costs_nothing(
    installation: Installation, account: str, receiver: Receiver, step: str
) -> None:
    installation.start_api()
    installation.webhook(receiver.url)
    doomed = installation.start_worker(FAILPOINT=step)
    made = publish(installation, account, 30)
    assert eventually(doomed.process.poll, "the worker dies") == -signal.SIGKILL
    is_committed = step == "after_relay"
    assert installation.rows("SELECT count(*) FROM events")[0][0] == (30 if is_committed else 0)
    assert installation.rows("SELECT count(*) FROM outbox")[0][0] == (0 if is_committed else 30)
    installation.start_worker()
    eventually(lambda: len(receiver.requests) >= 30, "another worker delivers", 40)
    eventually(installation.is_drained, "nothing is owed any more")
    assert sorted(each.event for each in receiver.requests) == sorted(made)


def test_a_caller_that_dies_before_its_commit_has_published_nothing(
    installation: Installation, account: str, receiver: Receiver
) -> None:
    installation.start_api()
    installation.webhook(receiver.url)
    installation.start_worker()
    for reached in ("written", "committed"):
        command = [sys.executable, "-c", CALLER, installation.database_url, account]
        caller = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert caller.stdin
        assert caller.stdout
        assert caller.stdout.readline() == "written\n"
        if reached == "committed":
            caller.stdin.write("go on\n")
            caller.stdin.flush()
            assert caller.stdout.readline() == "committed\n"
        caller.kill()
        caller.communicate()
    # behind both in the outbox, if they were there
    (last,) = publish(installation, account)
    eventually(lambda: [each for each in receiver.requests if each.event == last], "the last one arrives")
    eventually(installation.is_drained, "nothing is owed any more")
    assert len(receiver.requests) == 2
    assert installation.rows("SELECT count(*) FROM events")[0][0] == 2
    assert installation.rows("SELECT count(*) FROM outbox")[0][0] == 0


def test_a_thousand_events_of_one_transaction_arrive_once_each(
    installation: Installation, account: str, receiver: Receiver
) -> None:
    installation.start_api()
    installation.webhook(receiver.url)
    for _ in range(2):
        installation.start_worker()
    made = publish(installation, account, 1000)
    eventually(lambda: len(receiver.requests) >= 1000, "they arrive", 60)
    eventually(installation.is_drained, "nothing is owed any more")
    assert sorted(each.event for each in receiver.requests) == sorted(made)


def test_publishing_costs_the_caller_less_than_two_milliseconds(installation: Installation, account: str) -> None:
    installation.rows("CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL)")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(installation.database_url))
    took: dict[bool, list[float]] = {False: [], True: []}
    with Session(engine) as session:
        for number in range(600):
            publishes = number % 2 == 1
            began = time.perf_counter()
            with session.begin():
                session.execute(text("INSERT INTO orders VALUES (:id, 'completed')"), {"id": number})
                if publishes:
                    outbox.publish(session, account, "order.completed", {"order": number, "total": "42.00"})
            took[publishes].append(time.perf_counter() - began)
    engine.dispose()
    more = median(took[True]) - median(took[False])
    assert more < MAX_MORE_SECONDS, took
