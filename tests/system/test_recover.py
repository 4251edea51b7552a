"""A recovery goes on when its worker dies, delivers everything, and makes nobody else wait."""

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.installation import Installation, new_key
from tests.support.missed import MISSED
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

RECOVERED = "SELECT count(*) FROM deliveries WHERE state = 'delivered'"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def _missed(installation: Installation, webhook: str, count: int) -> dict[str, Any]:
    """Have a webhook miss so much, ask for it, and return the recovery."""
    installation.rows(MISSED.format(webhook="$1::text", count="$2::int"), webhook.removeprefix("wh_"), count)
    recovery: dict[str, Any] = installation.call(
        "POST", f"/v1/webhooks/{webhook}/recover", {"since": "2024-01-15T00:00Z"}
    )
    return recovery


@pytest.mark.timeout(180)
def test_what_a_dying_worker_leaves_of_a_recovery_another_goes_on_with(
    installation: Installation, receiver: Receiver
) -> None:
    count = 2400
    installation.start_api()
    webhook = installation.webhook(f"{receiver.url}/hooks")["id"]
    recovery = _missed(installation, webhook, count)
    path = f"/v1/recoveries/{recovery['id']}"
    # it dies with its second page committed, of which it has told nobody
    doomed = installation.start_worker(FAILPOINT="after_recover:2")
    assert eventually(doomed.process.poll, "the worker dies") == -signal.SIGKILL
    running = installation.call("GET", path)
    assert (running["status"], running["recovered"]["total"]) == ("running", 1000)
    survivor = installation.start_worker()
    ended = eventually(
        lambda: each if (each := installation.call("GET", path))["status"] != "running" else None, "it ends", seconds=60
    )
    assert ended["status"] == "completed"
    assert ended["recovered"] == {"failed": 800, "canceled": 800, "never_attempted": 800, "total": count}
    assert survivor.logged("recovery.ended")
    eventually(installation.is_drained, "everything is delivered", seconds=60)
    assert installation.rows(RECOVERED)[0]["count"] == count
    assert len(installation.rows("SELECT FROM deliveries")) == count
    assert {each.delivery for each in receiver.requests} == {
        f"dlv_{row['id'].hex}" for row in installation.rows("SELECT id FROM deliveries")
    }
    assert {each.attempt for each in receiver.requests} == {1, 6}
    assert installation.rows("SELECT FROM events WHERE failed_at IS NOT NULL") == []


@pytest.mark.timeout(180)
def test_beside_a_big_recovery_another_account_s_events_are_not_late(
    installation: Installation, receiver: Receiver
) -> None:
    installation.start_api()
    installation.start_worker()
    other = {"authorization": f"Bearer {asyncio.run(new_key(installation.database_url))}"}
    installation.call("POST", "/v1/webhooks", {"url": f"{receiver.url}/other", "events": ["*"]}, **other)
    webhook = installation.webhook(f"{receiver.url}/missed")["id"]
    recovery = _missed(installation, webhook, 12_000)
    path = f"/v1/recoveries/{recovery['id']}"
    eventually(lambda: receiver.at("/missed"), "it has begun")
    seconds: list[float] = []
    while installation.call("GET", path)["status"] != "completed":
        began = time.monotonic()
        installation.call("POST", "/v1/events", {"type": "order.completed", "data": {}}, **other)
        eventually(lambda: len(receiver.at("/other")) > len(seconds), "it arrives")
        seconds.append(time.monotonic() - began)
    eventually(installation.is_drained, "everything is delivered", seconds=60)
    assert len({each.delivery for each in receiver.at("/missed")}) == 12_000
    assert len(seconds) > 20
    assert sorted(seconds)[len(seconds) // 2] < 0.5
    assert max(seconds) < 2
