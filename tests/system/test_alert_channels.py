"""Alerts arrive: by e-mail and by webhook, from real workers, and to operators though there is none."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.described import check_own_event
from tests.support.installation import Installation, Process
from tests.support.mailbox import Mailbox, html_of, text_of
from tests.support.metrics import metrics_url, scrape
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually

AT_ONCE = {"FLUX_ALERT_GATHER_SECONDS": "0.5", "FLUX_ALERT_SPACING_SECONDS": "0"}
FIVE_ATTEMPTS = {"FLUX_RETRY_DELAYS": "0,0.2,0.2,0.2,0.2"}


def answer_by_path(request: Request) -> int:
    return 500 if request.path == "/bad" else 200


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answer_by_path) as receiver:
        yield receiver


def channel(installation: Installation, url: str, **fields: Any) -> str:
    return str(installation.call("POST", "/v1/alert-channels", {"url": url, **fields})["id"])


def test_five_failed_attempts_make_one_alert_arrive_by_mail_and_one_by_webhook(
    installation: Installation, mailbox: Mailbox, receiver: Receiver
) -> None:
    installation.settings |= FIVE_ATTEMPTS | AT_ONCE
    installation.start_api()
    installation.start_worker(FLUX_PUBLIC_URL=installation.api_url)
    mail = channel(installation, mailbox.url(), name="On call")
    installation.webhook(f"{receiver.url}/bad", "order.completed")
    installation.webhook(f"{receiver.url}/own", "flux.*")
    installation.webhook(f"{receiver.url}/all", "*")
    event = installation.publish(order="ord_1")

    arrived = eventually(lambda: mailbox.mails, "the mail arrives")[0]
    delivery = receiver.at("/bad")[0].delivery
    (alert,) = installation.call("GET", "/v1/alerts")["data"]
    link = f"{installation.api_url}/dashboard/"
    assert arrived["subject"] == f"order.completed to {receiver.url}/bad failed after 5 attempts"
    assert "Your endpoint answered 500." in text_of(arrived)
    for body in (text_of(arrived), html_of(arrived)):
        assert f"/deliveries/{delivery}" in body
        assert link in body

    (told,) = eventually(lambda: receiver.at("/own"), "the event of our own arrives")
    body = json.loads(told.body)
    assert body["type"] == "flux.delivery.failed"
    check_own_event(body)
    assert body["data"]["delivery"] == alert["delivery"] == delivery
    assert body["data"]["event"] == event
    assert body["data"]["link"].endswith(f"/deliveries/{delivery}")
    assert [json.loads(each.body)["type"] for each in receiver.at("/all")] == ["order.completed"]

    shown = eventually(lambda: _sent(installation, mail), "the channel shows that it arrived")
    assert (shown["last_error"], shown["failing_since"]) == (None, None)
    assert len(mailbox.mails) == 1


def _sent(installation: Installation, channel: str) -> Any:
    shown = installation.call("GET", f"/v1/alert-channels/{channel}")
    return shown if shown["last_sent"] else None


def test_without_a_worker_operators_are_told_by_the_api(installation: Installation, mailbox: Mailbox) -> None:
    installation.settings |= AT_ONCE | {"FLUX_ALERT_URLS": mailbox.url(), "FLUX_METRICS_PORT": "0"}
    api = installation.start_api()
    seen = "SELECT FROM conditions WHERE opposite_since IS NOT NULL"
    earlier = "UPDATE condition_looks SET looked_at = looked_at - interval '1 minute'"
    eventually(lambda: installation.rows(earlier) or installation.rows(seen), "it is seen", 60)
    installation.rows("UPDATE conditions SET opposite_since = opposite_since - interval '1 minute'")
    installation.rows(earlier)
    arrived = eventually(lambda: mailbox.mails, "the mail arrives", 60)[0]
    assert arrived["subject"] == "No worker answers"
    assert "flux worker" in text_of(arrived)
    assert f"{installation.api_url}/dashboard/operations" in text_of(arrived)
    told = eventually(lambda: _notifications(api), "its metrics count that")
    assert told == {("sent",): 1, ("not_sent",): 0}


def _notifications(api: Process) -> dict[tuple[str, ...], float] | None:
    counts = scrape(metrics_url(api)).all_of("flux_notifications_total")
    return counts if any(counts.values()) else None
