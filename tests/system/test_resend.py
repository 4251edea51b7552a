"""What somebody asks for once more, or tries out, goes out through a real worker."""

from typing import Any

import pytest
from flux_webhooks import verify

from tests.support.installation import Installation
from tests.support.receiver import Receiver, Request
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually


def answer_by_path(request: Request) -> int:
    return {"/good": 200, "/bad": 500, "/gone": 410, "/dead": HANG}[request.path]


@pytest.fixture
def receiver() -> Any:
    with Receiver(answer_by_path) as receiver:
        yield receiver


def test_an_event_comes_again_with_the_same_bytes(installation: Installation, receiver: Receiver) -> None:
    installation.settings |= {"FLUX_RETRY_DELAYS": "0"}
    installation.start_api()
    installation.start_worker()
    good = installation.webhook(f"{receiver.url}/good")
    installation.webhook(f"{receiver.url}/bad")
    event = installation.publish(order="ord_1")
    eventually(lambda: installation.event(event)["deliveries"]["failed"] == 1, "one delivery is failed")
    eventually(lambda: installation.event(event)["deliveries"]["delivered"] == 1, "the other is delivered")

    resent = installation.call("POST", f"/v1/events/{event}/resend")
    assert resent["total"] == 2
    eventually(lambda: len(receiver.at("/good")) == 2, "it comes again")
    first, second = receiver.at("/good")
    assert (second.event, second.body) == (first.event, first.body)
    assert second.delivery != first.delivery
    assert verify(second.body, second.headers["flux-signature"], good["secret"])
    eventually(lambda: len(receiver.at("/bad")) == 2, "what failed is tried again")
    assert [each.attempt for each in receiver.at("/bad")] == [1, 2]
    eventually(lambda: len(installation.call("GET", "/v1/alerts")["data"]) == 2, "there is another alert")
    eventually(installation.is_drained, "nothing is owed")
    assert installation.event(event)["deliveries"] == {
        "total": 3,
        "pending": 0,
        "delivered": 2,
        "failed": 1,
        "canceled": 0,
    }


def test_a_test_shows_what_came_back_and_alarms_nobody(installation: Installation, receiver: Receiver) -> None:
    installation.settings |= {"FLUX_RETRY_DELAYS": "0,0,0", "FLUX_DELIVERY_TIMEOUT": "1"}
    installation.start_api()
    installation.start_worker()
    webhooks = {path: installation.webhook(receiver.url + path) for path in ("/good", "/bad", "/gone", "/dead")}
    for path, status, error, code in (
        ("/good", "delivered", None, 200),
        ("/bad", "failed", "http_status", 500),
        ("/gone", "failed", "http_status", 410),
        ("/dead", "failed", "timeout", None),
    ):
        shown = installation.call("POST", f"/v1/webhooks/{webhooks[path]['id']}/test")
        assert (shown["status"], shown["test"]) == (status, True)
        (attempt,) = shown["attempts"]
        assert (attempt["number"], attempt["error"], attempt["status"]) == (1, error, code)
        (post,) = receiver.at(path)
        assert (post.event, post.attempt) == (shown["event"], 1)
        sent = verify(post.body, post.headers["flux-signature"], webhooks[path]["secret"])
        assert (sent["type"], sent["data"]["test"]) == ("flux.test", True)
    assert installation.is_drained()
    assert installation.call("GET", "/v1/alerts")["data"] == []
    assert installation.rows("SELECT FROM webhooks WHERE status <> 'enabled'") == []
