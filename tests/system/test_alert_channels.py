"""Alerts arrive: by e-mail and by webhook, from real workers, and each once though workers are killed."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.described import check_own_event
from tests.support.installation import Installation
from tests.support.mailbox import Mailbox, html_of, text_of
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


@pytest.mark.timeout(300)
def test_killed_at_each_step_an_alert_is_told_once(
    installation: Installation, mailbox: Mailbox, receiver: Receiver
) -> None:
    """One alert goes through the hands of workers that die one after the other, each a step later."""
    installation.settings |= FIVE_ATTEMPTS | AT_ONCE
    installation.start_api()
    channel(installation, mailbox.url())
    installation.webhook(f"{receiver.url}/bad", "order.completed")
    installation.webhook(f"{receiver.url}/own", "flux.delivery.failed")
    event = installation.publish(order="ord_1")
    for step in STEPS:
        doomed = installation.start_worker(FAILPOINT=step)
        assert doomed.process.wait(60) == -signal.SIGKILL, step
        _let_time_pass(installation)
    installation.start_worker()
    eventually(lambda: _is_told(installation), "nothing is left to be told", 60)
    (mail,) = mailbox.mails
    assert "failed after 5 attempts" in mail["subject"]
    (told,) = eventually(lambda: receiver.at("/own"), "the event of our own arrives")
    assert json.loads(told.body)["data"]["event"] == event


def test_killed_between_the_server_s_yes_and_the_commit_a_mail_comes_again_under_its_id(
    installation: Installation, mailbox: Mailbox, receiver: Receiver
) -> None:
    installation.settings |= FIVE_ATTEMPTS | AT_ONCE
    installation.start_api()
    channel(installation, mailbox.url())
    installation.webhook(f"{receiver.url}/bad", "order.completed")
    installation.publish(order="ord_1")
    doomed = installation.start_worker(FAILPOINT="notification_sent")
    assert doomed.process.wait(60) == -signal.SIGKILL
    _let_time_pass(installation)
    installation.start_worker()
    eventually(lambda: _is_told(installation), "nothing is left to be told", 60)
    one, other = mailbox.mails
    assert one["message-id"] == other["message-id"]
    assert text_of(one) == text_of(other)


def test_without_a_worker_operators_are_told_by_the_api(installation: Installation, mailbox: Mailbox) -> None:
    installation.settings |= AT_ONCE | {"FLUX_ALERT_URLS": mailbox.url()}
    installation.start_api()
    seen = "SELECT FROM conditions WHERE opposite_since IS NOT NULL"
    earlier = "UPDATE condition_looks SET looked_at = looked_at - interval '1 minute'"
    eventually(lambda: installation.rows(earlier) or installation.rows(seen), "it is seen", 60)
    installation.rows("UPDATE conditions SET opposite_since = opposite_since - interval '1 minute'")
    installation.rows(earlier)
    arrived = eventually(lambda: mailbox.mails, "the mail arrives", 60)[0]
    assert arrived["subject"] == "No worker answers"
    assert "flux worker" in text_of(arrived)
    assert f"{installation.api_url}/dashboard/operations" in text_of(arrived)


STEPS = (
    "alerts_counted",
    "alerts_committed",
    "notification_composed",
    "notification_claimed",
    "notification_settled",
)


def _is_told(installation: Installation) -> bool:
    return bool(
        installation.rows(
            """SELECT FROM notifications WHERE due_at IS NULL
               AND NOT EXISTS (SELECT FROM notifications WHERE due_at IS NOT NULL)
               AND NOT EXISTS (SELECT FROM alert_digests WHERE due_at IS NOT NULL)
               AND NOT EXISTS (SELECT FROM alerts WHERE sent_at IS NULL)"""
        )
    )


def _let_time_pass(installation: Installation) -> None:
    """Have the leases of the dead be over, and their lost tasks be found, as they are after a minute."""
    installation.rows("UPDATE alerts SET enqueued_at = enqueued_at - interval '1 minute' WHERE sent_at IS NULL")
    installation.rows(
        "UPDATE notifications SET due_at = due_at - interval '1 minute' WHERE due_at > now() + interval '1 second'"
    )
