"""Receivers as they are in the field: URLs that must not be rewritten, answers that are odd, through all of Flux."""

import json

from tests.api.test_webhooks import BYTE_FOR_BYTE
from tests.support.installation import Installation
from tests.support.raw_receivers import answering_each
from tests.support.waiting import eventually

ODD = {
    "/long-header": b"HTTP/1.1 200 OK\r\ncontent-security-policy: %s\r\ncontent-length: 2\r\n\r\nok" % (b"a" * 5000),
    "/body-on-204": b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello",
    "/longer-than-it-says": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nlonger than two",
    "/broken-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz",
}
SAID = {
    "/long-header": "ok",
    "/body-on-204": "[it announces a body, which a 204 cannot have]",
    "/longer-than-it-says": "lo",
    "/broken-chunk": "[its chunks are broken]",
}


def test_an_odd_success_is_delivered_at_the_first_attempt(installation: Installation) -> None:
    installation.start_api()
    installation.start_worker()
    with answering_each(ODD) as (url, requests):
        webhooks = {installation.webhook(url + path)["id"]: path for path in ODD}
        event = installation.publish()
        eventually(lambda: installation.event(event)["status"] == "delivered", "each is delivered")
        assert len(requests) == len(ODD)
    for listed in installation.call("GET", f"/v1/events/{event}/deliveries")["data"]:
        delivery = installation.call("GET", f"/v1/deliveries/{listed['id']}")
        path = webhooks[delivery["webhook"]]
        (attempt,) = delivery["attempts"]
        assert (delivery["status"], attempt["error"]) == ("delivered", None)
        assert attempt["status"] == (204 if "204" in path else 200)
        assert SAID[path] in attempt["response"]["excerpt"]
    assert installation.call("GET", "/v1/alerts")["data"] == []


def test_what_was_registered_is_what_is_requested(installation: Installation) -> None:
    installation.start_api()
    installation.start_worker()
    with answering_each({}) as (url, requests):
        for target in BYTE_FOR_BYTE[:-1]:
            installation.webhook(url + target)
        changed = installation.webhook(url)
        installation.call("PATCH", f"/v1/webhooks/{changed['id']}", {"url": url + BYTE_FOR_BYTE[-1]})
        installation.publish()
        eventually(lambda: len(requests) == len(BYTE_FOR_BYTE), "each is requested")
    lines = [request.split(b"\r\n")[0].decode("ascii") for request in requests]
    assert sorted(lines) == sorted(f"POST {target} HTTP/1.1" for target in BYTE_FOR_BYTE)


def test_a_test_is_sent_as_the_example_is_stored(installation: Installation) -> None:
    installation.start_api()
    installation.start_worker()
    example = {
        "wei": 10**30,
        "rate": 1e-7,
        "name": "Zo\u00eb \U0001f600",
        "z": [1.0, None, True],
        "a": {"b": "\\u0041/"},
    }
    installation.call("POST", "/v1/event-types", {"name": "coin.sent", "example": example})
    (row,) = installation.rows("SELECT example FROM event_types WHERE name = 'coin.sent'")
    with answering_each({}) as (url, requests):
        webhook = installation.webhook(url, "coin.sent")
        shown = installation.call("POST", f"/v1/webhooks/{webhook['id']}/test")
        assert shown["status"] == "delivered"
    body = requests[0].partition(b"\r\n\r\n")[2].decode("ascii")
    assert body.endswith(f",{row['example'][1:]}}}"), "the example, but for its brace"
    data = json.loads(body)["data"]
    assert list(data) == ["test", "webhook", "message", *example]
    assert installation.event(shown["event"])["body"] == body
