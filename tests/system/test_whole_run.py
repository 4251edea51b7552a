"""Whole runs through real API, Celery, Redis, Flower and receivers."""

import json
import signal
from itertools import pairwise
from typing import Any

import httpx
import pytest
import standardwebhooks
import stripe
from celery import Celery
from flux_webhooks import verify

from flux_dispatch.cli.embedded import free_port
from tests.support.installation import Installation
from tests.support.receiver import Receiver, Request
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually

FLOOD = 6000
FLOODING_ACCOUNT = """
    WITH made AS (INSERT INTO accounts (name) VALUES ('flooding') RETURNING id), theirs AS (
        INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
        SELECT made.id, $1, '{*}', '', '{}', 'enabled', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}'
        FROM made, generate_series(1, $2::int)
    )
    SELECT id FROM made
"""
SHORT_TABLE = {"FLUX_RETRY_DELAYS": "0,1,2,3,4"}


CANCELED_WITHIN_SECONDS = 15
TWO_HOURS = {"FLUX_RETRY_DELAYS": "0,7200"}


def answer_by_path(request: Request) -> int:
    return {"/good": 200, "/bad": 500, "/dead": HANG, "/flood": 200}[request.path]


@pytest.fixture
def receiver() -> Any:
    with Receiver(answer_by_path) as receiver:
        yield receiver


def test_an_event_is_delivered_signed_and_one_that_fails_five_times_raises_an_alert(
    installation: Installation, receiver: Receiver
) -> None:
    installation.settings |= SHORT_TABLE
    installation.start_api()
    flower = start_flower(installation)
    installation.start_worker()
    good = installation.webhook(f"{receiver.url}/good", "order.completed")
    bad = installation.webhook(f"{receiver.url}/bad", "order.*")
    event = installation.publish(order="ord_1", amount=4999)

    arrived = eventually(lambda: receiver.at("/good"), "the good endpoint gets its POST")[0]
    check_signed(arrived, good["secret"], event)

    eventually(lambda: installation.event(event)["status"] == "failed", "the event is failed")
    posts = receiver.at("/bad")
    assert [each.attempt for each in posts] == [1, 2, 3, 4, 5]
    gaps = [after.at - before.at for before, after in pairwise(posts)]
    assert all(delay <= gap <= delay + 1 for delay, gap in zip([1, 2, 3, 4], gaps, strict=True)), gaps
    assert {each.event for each in posts} == {event}
    assert {each.body for each in posts} == {arrived.body}

    (alert,) = installation.call("GET", "/v1/alerts")["data"]
    assert (alert["webhook"], alert["event"]) == (bad["id"], event)
    delivery = installation.call("GET", f"/v1/deliveries/{posts[0].delivery}")
    assert delivery["status"] == "failed"
    assert [each["number"] for each in delivery["attempts"]] == [1, 2, 3, 4, 5]
    eventually(lambda: "flux.alert" in tasks_in(flower), "Flower shows the alert")
    assert tasks_in(flower) >= {"flux.deliver", "flux.fail", "flux.alert"}


def test_a_hanging_endpoint_delays_nobody_else(installation: Installation, receiver: Receiver) -> None:
    installation.start_api()
    installation.start_worker(FLUX_DELIVERY_TIMEOUT="60", FLUX_ENDPOINT_CONCURRENCY="200")
    dead = installation.webhook(f"{receiver.url}/dead")
    installation.webhook(f"{receiver.url}/good")
    events = {installation.publish(n=number) for number in range(1000)}
    eventually(lambda: len(receiver.at("/good")) == len(events), "the good endpoint has every event")
    assert {each.event for each in receiver.at("/good")} == events
    # not one POST to the dead endpoint has come to its end, so nobody has waited for one
    assert len(receiver.at("/dead")) == 200
    ended = "SELECT FROM attempts JOIN deliveries ON id = delivery_id WHERE webhook_id = $1"
    assert installation.rows(ended, dead["id"].removeprefix("wh_")) == []


def test_a_heavy_account_of_one_account_keeps_no_other_waiting(installation: Installation, receiver: Receiver) -> None:
    installation.start_api()
    installation.start_worker()
    installation.webhook(f"{receiver.url}/good")
    (flooding,) = installation.rows(FLOODING_ACCOUNT, f"{receiver.url}/flood", FLOOD)
    with Celery("shop", broker=installation.redis_url) as producer:
        event = {"account": f"acct_{flooding['id'].hex}", "type": "user.signup", "data": {}}
        producer.send_task("flux.publish", kwargs=event)
    eventually(lambda: receiver.at("/flood"), "the flood has begun")
    installation.publish()
    eventually(lambda: receiver.at("/good"), "the other account's event has arrived")
    before = [each.path for each in receiver.requests].index("/good")
    assert before < FLOOD / 2, f"it had to wait for {before} of the flood"
    eventually(lambda: len(receiver.at("/flood")) == FLOOD, "the flood has arrived", 60)


def test_a_worker_killed_in_mid_run_loses_nothing(installation: Installation, receiver: Receiver) -> None:
    installation.start_api()
    first = installation.start_worker(FLUX_DELIVERY_TIMEOUT="1")
    installation.webhook(f"{receiver.url}/good")
    events = {installation.publish(n=number) for number in range(300)}
    eventually(lambda: len(receiver.requests) >= 50, "the run has begun")
    first.kill()
    events |= {installation.publish(n=number) for number in range(100)}
    installation.start_worker(FLUX_DELIVERY_TIMEOUT="1")
    eventually(installation.is_drained, "everything is settled", 60)
    assert {each.event for each in receiver.requests} == events
    states = installation.rows("SELECT state, count(*) FROM deliveries GROUP BY state")
    assert [tuple(row) for row in states] == [("delivered", 400)]


@pytest.mark.parametrize("options", [{}, {"queue": "ingest"}], ids=["no queue with_database", "ingest"])
def test_any_celery_producer_can_publish(
    installation: Installation, receiver: Receiver, options: dict[str, str]
) -> None:
    installation.start_api()
    installation.start_worker()
    installation.webhook(f"{receiver.url}/good")
    (row,) = installation.rows("SELECT id FROM accounts")
    producer = Celery("shop", broker=installation.redis_url)
    message = {"account": f"acct_{row['id'].hex}", "type": "user.signup", "data": {"name": "Zoë"}}
    producer.send_task("flux.publish", kwargs=message, **options)
    arrived = eventually(lambda: receiver.at("/good"), "the event is delivered")[0]
    assert json.loads(arrived.body)["data"] == {"name": "Zoë"}
    producer.close()


def test_what_waits_for_a_webhook_that_is_deleted_is_canceled_and_says_why(
    installation: Installation, receiver: Receiver
) -> None:
    installation.settings |= {"FLUX_RETRY_DELAYS": "0,1,1"}
    installation.start_api()
    installation.start_worker()
    webhook = installation.webhook(f"{receiver.url}/bad")
    event = installation.publish()
    eventually(lambda: receiver.at("/bad"), "the first attempt is made")
    installation.call("DELETE", f"/v1/webhooks/{webhook['id']}")
    eventually(lambda: installation.event(event)["status"] == "canceled", "the delivery is canceled", 30)
    (delivery,) = installation.call("GET", f"/v1/events/{event}/deliveries")["data"]
    assert (delivery["status"], delivery["reason"]) == ("canceled", "webhook_deleted")
    assert installation.call("GET", "/v1/alerts")["data"] == []
    assert len(receiver.at("/bad")) == delivery["attempts_made"]


def test_a_worker_that_is_told_to_stop_gives_back_what_it_has_not_sent(
    installation: Installation, receiver: Receiver
) -> None:
    installation.start_api()
    worker = installation.start_worker(FLUX_DELIVERY_TIMEOUT="60", FLUX_ENDPOINT_CONCURRENCY="2")
    installation.webhook(f"{receiver.url}/dead")
    for number in range(6):
        installation.publish(n=number)
    eventually(lambda: len(receiver.at("/dead")) == 2, "the endpoint's two places are taken")
    pending = "SELECT id FROM deliveries WHERE state = 'pending'"
    eventually(lambda: not installation.rows(pending), "the worker has claimed the others too")
    worker.process.send_signal(signal.SIGTERM)
    given_back = "SELECT id FROM deliveries WHERE state = 'scheduled' AND lease_token IS NULL"
    eventually(lambda: len(installation.rows(given_back)) == 4, "what was not sent is given back")
    receiver.let_go()
    assert worker.stop() == 0
    states = installation.rows("SELECT state, attempts, lease_token FROM deliveries ORDER BY attempts")
    assert [(row["state"], row["attempts"]) for row in states] == [("scheduled", 0)] * 4 + [("scheduled", 1)] * 2
    assert all(row["lease_token"] is None for row in states)


def start_flower(installation: Installation) -> str:
    port = free_port()
    installation.start("flower", "flower", FLUX_FLOWER_PORT=str(port), FLUX_FLOWER_BASIC_AUTH="watch:me")
    url = f"http://watch:me@127.0.0.1:{port}"
    eventually(lambda: is_up(f"{url}/healthcheck"), "Flower answers")
    return url


def is_up(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def tasks_in(flower: str) -> set[str]:
    tasks = httpx.get(f"{flower}/api/tasks").raise_for_status().json()
    return {task["name"] for task in tasks.values() if task["state"] == "SUCCESS"}


def check_signed(request: Request, secret: str, event: str) -> None:
    body = json.loads(request.body)
    assert list(body) == ["id", "type", "created", "data"]
    assert body["id"] == event
    assert body["data"] == {"order": "ord_1", "amount": 4999}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("Flux-Dispatch/")
    signature = request.headers["flux-signature"]
    assert verify(request.body, signature, secret) == body
    assert stripe.WebhookSignature.verify_header(request.body.decode(), signature, secret, tolerance=300)
    standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))


def test_what_waits_for_a_webhook_is_canceled_soon_after_it_is_deleted(
    installation: Installation, receiver: Receiver
) -> None:
    installation.settings |= TWO_HOURS
    installation.start_api()
    installation.start_worker()
    bad = installation.webhook(f"{receiver.url}/bad", "*")
    event = installation.publish()
    path = f"/v1/events/{event}/deliveries"
    eventually(lambda: installation.call("GET", path)["data"][0]["status"] == "scheduled", "a retry is scheduled")
    installation.call("DELETE", f"/v1/webhooks/{bad['id']}")
    eventually(
        lambda: installation.event(event)["status"] == "canceled", "the event is canceled", CANCELED_WITHIN_SECONDS
    )
    (delivery,) = installation.call("GET", path)["data"]
    assert (delivery["reason"], delivery["next_attempt_at"]) == ("webhook_deleted", None)
    assert len(receiver.at("/bad")) == 1
