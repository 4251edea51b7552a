"""From what a caller has in hand, a request's id or a task's, the logs lead to the event and to its attempts."""

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
from celery import Celery

from config.celeryconfig import celery_settings
from tests.support.installation import Installation, Process
from tests.support.receiver import Receiver
from tests.support.waiting import eventually


def lines(part: Process, event: str) -> list[dict[str, Any]]:
    """Return the lines that a process has logged under this name."""
    every = [line for line in part.log.read_text().splitlines() if line.startswith("{")]
    return [said for said in map(json.loads, every) if said["event"] == event]


async def publish_many(installation: Installation, count: int) -> dict[str, str]:
    """Publish that many at once; return the ids of the requests, each with the id of its event."""
    headers = {"Authorization": f"Bearer {installation.key}"}
    async with httpx.AsyncClient(base_url=installation.api_url, headers=headers, timeout=20, trust_env=False) as caller:
        body = {"type": "order.completed", "data": {"n": 1}}
        answers = await asyncio.gather(*(caller.post("/v1/events", json=body) for _ in range(count)))
    return {answer.headers["X-Request-Id"]: answer.json()["id"] for answer in answers}


def test_a_request_leads_to_its_event_and_to_its_attempts(installation: Installation) -> None:
    with Receiver() as receiver:
        api, worker = installation.start_api(), installation.start_worker()
        installation.webhook(receiver.url)
        published = asyncio.run(publish_many(installation, 15))
        eventually(installation.is_drained, "all are delivered")
    assert {line["request_id"]: line["event_id"] for line in lines(api, "event.published")} == published
    attempted = {line["event_id"] for line in lines(worker, "delivery.attempted")}
    assert attempted == set(published.values())
    assert all("request_id" not in line for line in lines(worker, "delivery.attempted"))


def test_of_very_many_so_many_are_logged_and_the_rest_is_counted(installation: Installation) -> None:
    api = installation.start_api()
    published = asyncio.run(publish_many(installation, 150))
    asyncio.run(publish_many(installation, 1))

    def counted() -> bool:
        asyncio.run(publish_many(installation, 1))
        written = lines(api, "event.published")
        return len(written) + sum(line.get("others_before", 0) for line in written) > len(published)

    eventually(counted, "what was left out is told with the next line")
    seconds = Counter(line["timestamp"][:19] for line in lines(api, "event.published"))
    assert max(seconds.values()) <= 40, "twenty in each second of the process, which are not those of the clock"


def test_a_task_of_a_celery_producer_leads_to_its_event(installation: Installation) -> None:
    worker = installation.start_worker()
    ((account,),) = installation.rows("SELECT id FROM accounts")
    event = {"account": f"acct_{account.hex}", "type": "order.completed", "data": {"n": 1}}
    producer = Celery("shop")
    producer.config_from_object(celery_settings(installation.redis_url))
    sent = producer.send_task("flux.publish", kwargs=event, queue="ingest")
    eventually(lambda: lines(worker, "event.published"), "it is published")
    (line,) = lines(worker, "event.published")
    ((stored,),) = installation.rows("SELECT id FROM events")
    assert (line["task_id"], line["event_id"]) == (sent.id, f"evt_{stored.hex}")
