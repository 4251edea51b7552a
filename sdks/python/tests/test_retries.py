"""A request is sent again where that is safe, after growing and random waits, or as long as the server asks."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any, Callable

import pytest

from flux_webhooks import APIConnectionError, APIResponseError, APITimeoutError, FluxError, RateLimitError, ServerError
from flux_webhooks.operations import OPERATIONS
from flux_webhooks.retries import backoff_seconds, retry_after_seconds

LIST = {"object": "list", "data": [], "has_more": False, "next_cursor": None}
PUBLISHED = {
    "id": "evt_1",
    "object": "event",
    "type": "a.b",
    "created": "2026-01-15T10:30:00Z",
    "data": {},
    "status": "pending",
    "webhooks": 1,
}
LINK = {"id": "plink_1", "object": "portal_link", "url": "https://x/", "expires_at": "2026-01-15T10:30:00Z"}
WH = "wh_" + "0" * 32
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(ask: Callable[..., Any], wire: Any, waits: list[float], status: int) -> None:
    wire.replies = [wire.refusal(status), wire.answer("<html>", status), wire.answer(LIST)]
    assert ask("alerts.list") == []
    assert len(wire.asked) == 3
    # as long as they may be: the waits double
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("reply", [b"", CUT, b"HTTP"])
def test_a_connection_that_breaks_is_tried_again(
    ask: Callable[..., Any], wire: Any, waits: list[float], reply: bytes
) -> None:
    wire.replies = [reply, wire.answer(LIST)]
    assert ask("alerts.list") == []
    assert len(waits) == 1


def test_an_answer_that_does_not_come_is_asked_for_again(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    def hang_up(_: Any, connection: Any) -> None:
        # no answer; the client stops waiting, and reading tells that it did
        connection.recv(1)

    wire.replies = [hang_up, wire.answer(LIST)]
    assert ask("alerts.list", client={"timeout": 2}) == []
    assert len(waits) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_what_will_not_pass_is_not_asked_for_again(
    ask: Callable[..., Any], wire: Any, waits: list[float], status: int
) -> None:
    wire.replies = [wire.refusal(status, "invalid_request_error")]
    with pytest.raises(FluxError):
        ask("alerts.list")
    assert (len(wire.asked), waits) == (1, [])


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (None, 3), (5, 6)])
def test_there_are_as_many_retries_as_told(
    ask: Callable[..., Any], wire: Any, waits: list[float], retries: int | None, tries: int
) -> None:
    wire.replies = [wire.refusal(503)]
    with pytest.raises(ServerError):
        ask("alerts.list", client={"max_retries": retries})
    assert len(wire.asked) == tries
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0][: tries - 1]


def test_retry_after_is_waited_for_up_to_a_minute(ask: Callable[..., Any], wire: Any, waits: list[float]) -> None:
    wire.replies = [wire.refusal(429, "rate_limit_error", Retry_After="7"), wire.answer(LIST)]
    assert ask("alerts.list") == []
    assert waits == [7.5]
    wire.replies = [wire.refusal(429, "rate_limit_error", Retry_After="61")]
    with pytest.raises(RateLimitError) as refused:
        ask("alerts.list")
    assert refused.value.retry_after == 61
    assert waits == [7.5]


def test_a_proxy_that_asks_to_wait_is_waited_for(ask: Callable[..., Any], wire: Any, waits: list[float]) -> None:
    wire.replies = [wire.answer("<html>", 429, Retry_After="7"), wire.answer(LIST)]
    assert ask("alerts.list") == []
    assert waits == [7.5]
    wire.replies = [wire.answer("<html>", 503, Retry_After="61")]
    with pytest.raises(APIResponseError) as refused:
        ask("alerts.list")
    assert refused.value.retry_after == 61
    assert waits == [7.5]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("call", [("portal_links.create",), ("webhooks.test", WH), ("webhooks.rotate_secret", WH)])
def test_what_is_two_things_twice_is_not_sent_again_when_it_may_have_been_done(
    ask: Callable[..., Any], wire: Any, waits: list[float], status: int, call: tuple[str, ...]
) -> None:
    for reply, wanted in [(wire.refusal(status), ServerError), (b"", APIConnectionError), (CUT, APIResponseError)]:
        wire.asked.clear()
        wire.replies = [reply]
        with pytest.raises(wanted):
            ask(*call)
        assert (len(wire.asked), waits) == (1, [])


def test_what_was_surely_not_done_is_sent_again_whatever_it_is(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    wire.replies = [wire.refusal(429), wire.answer(LINK, 201)]
    assert ask("portal_links.create").id == "plink_1"
    assert len(waits) == 1
    wire.url = "http://127.0.0.1:1"
    with pytest.raises(APIConnectionError):
        ask("portal_links.create")
    assert len(waits) == 3


def test_a_post_that_was_not_answered_in_time_is_not_sent_again(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    wire.replies = [lambda wire, _: wire.over.wait(20)]
    with pytest.raises(APITimeoutError, match="may have been carried out"):
        ask("portal_links.create", client={"timeout": 0.2})
    assert waits == []


def test_an_account_with_an_external_id_and_a_dry_run_may_be_asked_for_again(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    calls: list[tuple[tuple[str, ...], dict[str, Any], int]] = [
        (("accounts.create", "Acme"), {}, 1),
        (("accounts.create", "Acme"), {"external_id": "cus_42"}, 3),
        (("webhooks.recover", WH, "2026-01-15T10:30:00Z"), {}, 1),
        (("webhooks.recover", WH, "2026-01-15T10:30:00Z"), {"dry_run": True}, 3),
    ]
    for arguments, options, tries in calls:
        wire.asked.clear()
        wire.replies = [wire.refusal(503)]
        with pytest.raises(ServerError):
            ask(*arguments, **options)
        assert len(wire.asked) == tries
    assert len(waits) == 4


def test_a_publication_has_one_key_through_all_of_its_tries(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    wire.replies = [b"", CUT, wire.answer(PUBLISHED, 202, Idempotent_Replayed="true")]
    event = ask("events.publish", "a.b", {"n": 1})
    assert event.replayed
    (key,) = {each.headers["idempotency-key"] for each in wire.asked}
    assert len(key) == 32
    assert len(waits) == 2
    ask("events.publish", "a.b", {"n": 1})
    assert wire.asked[-1].headers["idempotency-key"] != key
    ask("events.publish", "a.b", {"n": 1}, idempotency_key="order-7")
    assert wire.asked[-1].headers["idempotency-key"] == "order-7"


def test_each_event_of_a_batch_has_one_key_through_all_tries(
    ask: Callable[..., Any], wire: Any, waits: list[float]
) -> None:
    wire.replies = [wire.refusal(503), wire.answer({"object": "list", "data": [PUBLISHED] * 3}, 202)]
    events = [{"type": "a.b", "data": {"n": each}} for each in range(2)]
    ask("events.publish_batch", [*events, {"type": "a.b", "data": {}, "idempotency_key": "own"}])
    once, again = wire.asked
    assert once.body == again.body
    keys = [each["idempotency_key"] for each in once.json["events"]]
    assert len(set(keys)) == 3
    assert keys[2] == "own"
    assert len(waits) == 1
    ask("events.publish_batch", [{"type": "a.b", "data": {}}] * 3)
    assert not {each["idempotency_key"] for each in wire.asked[-1].json["events"]} & set(keys)
    assert events == [{"type": "a.b", "data": {"n": 0}}, {"type": "a.b", "data": {"n": 1}}]


def test_a_wait_is_random_and_bounded() -> None:
    drawn = {backoff_seconds(3, None) for _ in range(50)}
    assert len(drawn) > 40
    assert all(each is not None and 0 <= each <= 4 for each in drawn)
    assert all((backoff_seconds(10_000, None) or 0) <= 8 for _ in range(50))
    assert backoff_seconds(0, 60.5) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_seconds("7") == 7
    assert 28 <= (retry_after_seconds(formatdate(time.time() + 30, usegmt=True)) or 0) <= 30
    assert retry_after_seconds(formatdate(0, usegmt=True)) == 0
    for nothing in (None, "", "soon", "-1", "1.5", "\u0663", "Fri, 99 Nov 2026 99:00:00 GMT"):
        assert retry_after_seconds(nothing) is None


@pytest.mark.parametrize("form", ["%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000", "%A, %d-%b-%y %H:%M:%S GMT"])
def test_a_date_of_retry_after_is_gmt_wherever_this_runs(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert 28 <= (retry_after_seconds(time.strftime(form, time.gmtime(time.time() + 30))) or 0) <= 30
    finally:
        monkeypatch.undo()
        time.tzset()


def test_only_posts_may_be_unsafe_to_repeat() -> None:
    assert {each.method for each in OPERATIONS.values() if not each.repeatable} == {"POST"}
