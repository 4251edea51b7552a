"""What is not the API's answer is an error that says what it was, never a KeyError, and never tells the key."""

from __future__ import annotations

import pickle
import socket
import traceback
from typing import Any, Callable

import pytest

from flux_webhooks import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    AuthenticationError,
    FluxError,
    IdempotencyError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)

ONCE = {"max_retries": 0}
HTML = "<html><body>502 Bad Gateway</body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LIST = {"object": "list", "data": [], "has_more": False, "next_cursor": None}
ALERT = {
    "id": "alrt_1",
    "object": "alert",
    "reason": "gone",
    "webhook": "wh_1",
    "url": "https://x/",
    "event": "evt_1",
    "event_type": "a.b",
    "delivery": "dlv_1",
    "last_status": None,
    "last_error": "timeout",
    "created": "2026-01-15T10:30:00Z",
    "acknowledged": "2026-01-15T10:30:00.250Z",
}
ID = "alrt_" + "0" * 32


def failure(ask: Callable[..., Any], wire: Any, *, timeout: float = 10) -> FluxError:
    """Return what comes of asking once; no text of it may hold the key."""
    with pytest.raises(FluxError) as raised:
        ask("alerts.list", client={**ONCE, "timeout": timeout})
    told = "".join(traceback.format_exception(type(raised.value), raised.value, raised.tb))
    assert wire.key not in told + repr(raised.value) + repr(vars(raised.value))
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args  # noqa: S301 - our own
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 404, 429, 500, 502])
def test_a_page_of_a_proxy_is_no_answer(ask: Callable[..., Any], wire: Any, status: int) -> None:
    wire.replies = [wire.answer(HTML, status, Content_Type="text/html")]
    error = failure(ask, wire)
    assert type(error) is APIResponseError
    assert (error.status, error.request_id) == (status, "req_1")
    assert f"status {status}, text/html" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(ask: Callable[..., Any], wire: Any, status: int) -> None:
    wire.replies = [wire.answer("", status, Location=wire.url + "/elsewhere"), wire.answer(LIST)]
    error = failure(ask, wire)
    assert type(error) is APIResponseError
    assert "redirect" in str(error)
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        HEAD + b'Content-Length: 100\r\n\r\n{"object": "list", "data": [',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"obj',
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnothing of that kind\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        HEAD + b"Content-Length: many\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\xff" * 500,
    ],
    ids=["cut", "cut chunks", "no chunks", "not gzip", "no length", "another protocol", "noise"],
)
def test_a_damaged_answer_is_no_answer(ask: Callable[..., Any], wire: Any, reply: bytes) -> None:
    wire.replies = [reply]
    assert type(failure(ask, wire)) is APIResponseError


@pytest.mark.parametrize("body", ['{"object": "li', "", "null", "7", "[]", "{}", '{"data": 7}', '"' * 3, "[" * 100_000])
def test_json_that_is_none_of_the_apis_is_no_answer(ask: Callable[..., Any], wire: Any, body: str) -> None:
    wire.replies = [wire.answer(body)]
    assert type(failure(ask, wire)) is APIResponseError


@pytest.mark.parametrize(
    "more", [{"has_more": None}, {"has_more": []}, {"has_more": True}, {"has_more": True, "next_cursor": 7}]
)
def test_a_list_that_does_not_say_how_it_goes_on_is_no_answer(
    ask: Callable[..., Any], wire: Any, more: dict[str, Any]
) -> None:
    wire.replies = [wire.answer({**LIST, **more})]
    assert type(failure(ask, wire)) is APIResponseError


def test_a_list_that_goes_round_in_a_circle_ends(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [wire.answer({**LIST, "has_more": True, "next_cursor": "again"})]
    assert type(failure(ask, wire)) is APIResponseError
    assert [each.target for each in wire.asked] == ["/v1/alerts", "/v1/alerts?cursor=again"]


@pytest.mark.parametrize("field", ALERT)
def test_a_field_that_is_missing_or_of_another_type_is_said(ask: Callable[..., Any], wire: Any, field: str) -> None:
    for wrong in ({}, {field: ["x"]}, {field: {}}):
        kept = {name: value for name, value in ALERT.items() if name != field}
        wire.replies = [wire.answer({**kept, **wrong})]
        with pytest.raises(APIResponseError, match=f"Alert.{field}"):
            ask("alerts.acknowledge", ID)


def test_what_only_a_later_release_says_is_kept(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [wire.answer({**ALERT, "severity": "high", "reason": "of_a_later_release"})]
    alert = ask("alerts.acknowledge", ID)
    assert alert.raw["severity"] == "high"
    assert alert.reason == "of_a_later_release"
    assert alert.acknowledged.isoformat() == "2026-01-15T10:30:00.250000+00:00"
    assert not hasattr(alert, "severity")
    with pytest.raises(AttributeError):
        alert.reason = "gone"


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_told(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [lambda wire, _: wire.over.wait(20)]
    error = failure(ask, wire, timeout=0.2)
    assert type(error) is APITimeoutError
    assert "0.2 seconds" in str(error)


def test_an_answer_that_never_ends_is_given_up(ask: Callable[..., Any], wire: Any) -> None:
    def drip(wire: Any, connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        # for three seconds and longer, so that who has more patience than told gets an answer after all
        for _ in range(150):
            wire.over.wait(0.02)
            connection.sendall(b"1\r\n \r\n")
        connection.sendall(b"0\r\n\r\n")

    wire.replies = [drip]
    assert type(failure(ask, wire, timeout=1)) is APITimeoutError


def test_a_connection_that_is_closed_is_said(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [b""]
    assert type(failure(ask, wire)) is APIConnectionError


def test_a_server_that_is_not_there_is_said(ask: Callable[..., Any], wire: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    error = failure(ask, wire)
    assert type(error) is APIConnectionError
    assert "Check api_url" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "wanted"),
    [
        (400, "invalid_request_error", InvalidRequestError),
        (409, "invalid_request_error", InvalidRequestError),
        (401, "authentication_error", AuthenticationError),
        (403, "permission_error", PermissionDeniedError),
        (404, "not_found_error", NotFoundError),
        (409, "idempotency_error", IdempotencyError),
        (429, "rate_limit_error", RateLimitError),
        (500, "api_error", ServerError),
        (418, "of_a_later_release", InvalidRequestError),
        (503, "of_a_later_release", ServerError),
    ],
)
def test_each_kind_of_refusal_is_a_class(
    ask: Callable[..., Any], wire: Any, status: int, kind: str, wanted: type[APIError]
) -> None:
    wire.replies = [wire.refusal(status, kind, "some_code")]
    error = failure(ask, wire)
    assert type(error) is wanted
    assert isinstance(error, APIError)
    assert (error.status, error.code, error.message, error.param) == (status, "some_code", "No.", "url")
    assert (error.doc_url, error.request_id) == ("https://x/y", "req_2")
    assert str(error) == "some_code (url): No. [req_2]"


@pytest.mark.parametrize("error", [None, 7, {}, {"code": 7, "message": "m"}, {"code": "c"}])
def test_an_error_that_is_not_of_the_apis_form_is_no_answer(ask: Callable[..., Any], wire: Any, error: Any) -> None:
    wire.replies = [wire.answer({"error": error}, 400)]
    assert type(failure(ask, wire)) is APIResponseError


@pytest.mark.parametrize("listed", [[], [{}, {}]])
def test_a_batch_is_answered_event_by_event(ask: Callable[..., Any], wire: Any, listed: list[Any]) -> None:
    wire.replies = [wire.answer({"object": "list", "data": listed})]
    with pytest.raises(APIResponseError, match="lists"):
        ask("events.publish_batch", [{"type": "a.b", "data": {}}], client=ONCE)
