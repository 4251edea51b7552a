"""What people and programs are told while `flux listen` runs."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from flux_dispatch.cli.listen.excerpt import first_lines
from flux_dispatch.cli.listen.json_report import JsonReport
from flux_dispatch.cli.listen.report import Arrival, Reply, Report, Session
from flux_dispatch.cli.listen.text_report import Look, TextReport
from flux_dispatch.tunnel.frames import Answer, Failed, Headers, Request
from tests.support.tree import read

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
EVENT = "evt_0190f3c1aaaabbbbccccddddeeeeffff"
URL = "http://localhost:3000/webhooks/flux"
SESSION = Session("lsn_1", "https://flux.example.com/in/lst_x", "whsec_x", ("*",), URL, secret_stays=True)


def delivered(body: bytes = b'{"type":"order.completed"}', attempt: str = "1") -> Arrival:
    headers: Headers = (("Webhook-Id", EVENT), ("Flux-Attempt", attempt))
    return Arrival.of(Request("r1", "POST", "", "", headers, "dlv_1", "2026-01-15T10:30:00Z", body))


def strange(path: str = "/a", query: str = "b=1", body: bytes = b"") -> Arrival:
    headers: Headers = (("webhook-id", "evt_forged"), ("flux-attempt", "7"))
    return Arrival.of(Request("r2", "GET", path, query, headers, None, "2026-01-15T10:30:00Z", body))


def told(look: Look = Look()) -> tuple[Report, list[str]]:  # noqa: B008 - it is frozen
    lines: list[str] = []
    return TextReport(lines.append, look, lambda: AT), lines


def test_it_says_where_events_come_from_and_go_to() -> None:
    report, lines = told()
    report.ready(SESSION, local_server_answers=True)
    assert lines == [
        "Ready. Forwarding all events to http://localhost:3000/webhooks/flux",
        "Public URL      https://flux.example.com/in/lst_x   (temporary: ends with this command)",
        "Signing secret  whsec_x   (the same each time on this machine)",
    ]


def test_it_says_which_events_and_that_nothing_listens_yet() -> None:
    report, lines = told()
    report.ready(Session("lsn_1", "https://f/in/lst_x", "whsec_x", ("order.*", "a.b"), URL), local_server_answers=False)
    assert lines[0] == f"Ready. Forwarding order.*, a.b to {URL}"
    assert lines[2] == "Signing secret  whsec_x"
    assert lines[3].startswith(f"Nothing listens at {URL} yet: start your server.")


def test_a_terminal_is_told_what_to_try() -> None:
    for events, example in ((("*",), "order.completed"), (("order.*", "user.signup"), "user.signup")):
        report, lines = told(Look(width=100))
        report.ready(Session("lsn_1", "u", "s", events, URL), local_server_answers=True)
        assert lines[-1] == f"Try it in another terminal: flux trigger {example}   Ctrl-C ends this."


def test_an_event_has_two_lines() -> None:
    report, lines = told()
    report.arrived(delivered())
    report.replied(Reply(delivered(), Answer("r1", 200, (), b"ok"), URL, 0.0123))
    assert lines == [
        f"2026-01-15 10:30:00  --> order.completed  {EVENT}",
        f"2026-01-15 10:30:00  <-- 200  POST {URL}  (12 ms)  {EVENT}",
    ]


def test_a_later_attempt_says_so() -> None:
    report, lines = told()
    report.arrived(delivered(attempt="3"))
    assert lines == [f"2026-01-15 10:30:00  --> order.completed  attempt 3  {EVENT}"]


def test_strangers_are_told_by_method_and_path_and_believed_in_nothing() -> None:
    report, lines = told()
    report.arrived(strange())
    report.arrived(strange("", "", b'{"type":"order.completed"}'))
    report.replied(Reply(strange(), Answer("r2", 404, (), b""), f"{URL}/a?b=1", 0.003))
    assert lines == [
        "2026-01-15 10:30:00  --> GET /a?b=1",
        "2026-01-15 10:30:00  --> GET /",
        f"2026-01-15 10:30:00  <-- 404  GET {URL}/a?b=1  (3 ms)",
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type":7}', b"\xff", b"[" * 100_000])
def test_a_delivery_whose_body_tells_no_type_is_told_by_its_path(body: bytes) -> None:
    report, lines = told()
    report.arrived(delivered(body))
    assert lines == [f"2026-01-15 10:30:00  --> POST /  {EVENT}"]


def test_a_local_server_that_does_not_answer_has_one_line() -> None:
    report, lines = told()
    report.replied(Reply(delivered(), Failed("r1", "connection_refused", "Nothing listens."), URL, 0.001))
    assert lines == [f"2026-01-15 10:30:00  <-- failed  POST {URL}  Nothing listens.  {EVENT}"]


def test_what_was_answered_before_and_what_came_too_late_says_so() -> None:
    report, lines = told()
    report.replied(Reply(delivered(), Answer("r1", 204, (), b""), None, 0.0, repeated=True))
    report.replied(Reply(delivered(), Answer("r1", 200, (), b""), URL, 20.0, late=True))
    assert lines[0] == f"2026-01-15 10:30:00  <-- 204  answered before, and not forwarded again  {EVENT}"
    assert "(20000 ms, when nobody waited for it any more)" in lines[1]


def test_without_a_target_requests_are_only_told_as_they_arrive() -> None:
    report, lines = told()
    report.ready(Session("lsn_1", "u", "s", ("*",), None), local_server_answers=True)
    report.arrived(strange())
    report.replied(Reply(strange(), Answer("r2", 200, (), b""), None, 0.0))
    assert lines[0] == "Ready. Showing all events; --forward-to sends them to a server of yours"
    assert lines[3:] == ["2026-01-15 10:30:00  --> GET /a?b=1"]


def test_a_terminal_shows_the_first_lines_of_a_failing_answer_and_a_pipe_does_not() -> None:
    reply = Reply(strange(), Answer("r2", 500, (), b"Traceback\n\x1b[2J\x1b]0;evil\x07\r\n\nlast"), URL, 0.003)
    report, lines = told(Look(width=100))
    report.replied(reply)
    assert [line.strip() for line in lines[1:]] == ["Traceback", "\\x1b[2J\\x1b]0;evil\\x07", "last"]
    report, lines = told()
    report.replied(reply)
    assert len(lines) == 1
    report, lines = told(Look(width=100))
    report.replied(Reply(strange(), Answer("r2", 302, (), b"moved"), URL, 0.003))
    assert len(lines) == 1


def test_ids_are_cut_where_the_terminal_is_narrow_and_only_there() -> None:
    for width, end in ((80, "evt_0190…ffff"), (200, EVENT), (None, EVENT)):
        report, lines = told(Look(width=width))
        report.replied(Reply(delivered(), Answer("r1", 200, (), b""), URL, 0.003))
        assert lines[0].endswith(f"(3 ms)  {end}"), width


def test_an_outage_says_once_what_is_done_about_it() -> None:
    report, lines = told()
    for _ in range(2):
        report.disconnected("It broke off.")
        report.disconnected("The server answers 503.")
        report.reconnected(1.25)
    assert lines == 2 * [
        "2026-01-15 10:30:00  No connection: It broke off. Connecting again; what comes meanwhile waits.",
        "2026-01-15 10:30:00  Still no connection: The server answers 503.",
        "2026-01-15 10:30:00  Connected again after 1.2 s.",
    ]


def test_colours_go_around_whole_parts() -> None:
    report, lines = told(Look(width=200, is_coloured=True))
    report.replied(Reply(strange(), Answer("r2", 200, (), b""), URL, 0.003))
    assert lines == [
        f"\x1b[2m2026-01-15 10:30:00  \x1b[0m\x1b[32m<-- 200  GET {URL}  (3 ms)\x1b[0m",
    ]


def test_what_strangers_write_cannot_play_with_the_terminal() -> None:
    report, lines = told()
    report.arrived(strange("/\x1b[31m\u202e", "a\nb"))
    report.disconnected("It said \x07.")
    assert lines[0] == "2026-01-15 10:30:00  --> GET /\\x1b[31m\\u202e?a\\nb"
    assert "\x07" not in lines[1]


def test_excerpts_are_short_and_never_wider_than_the_terminal() -> None:
    assert list(first_lines(b"", (), 80)) == []
    assert list(first_lines(b"a\tb", (), 80)) == ["a   b"]
    assert list(first_lines(b"x" * 5000, (), 20)) == ["x" * 19 + "…", "…"]
    assert list(first_lines(b"1\n2\n3\n4\n5\n6", (), 80)) == ["1", "2", "3", "4", "5", "…"]
    assert list(first_lines(b"\x1f\x8b\x08", (("Content-Encoding", "gzip"),), 80)) == ["(3 bytes, gzip)"]
    assert list(first_lines("\xfc".encode() * 10 + b"\xff", (), 80)) == ["\xfc" * 10 + "\ufffd"]


def lines_of_json(tell: Any) -> list[dict[str, Any]]:
    lines: list[str] = []
    tell(JsonReport(lines.append, lambda: AT))
    told_of = [json.loads(line) for line in lines]
    for each in told_of:
        check_documented(each)
    return told_of


def check_documented(told_of: dict[str, Any]) -> None:
    """Hold each type and each of its members to what docs/test-locally.md says of them."""
    rows = re.findall(r"(?m)^\| (`[^|]+`) \| (.+) \|$", read("docs/test-locally.md").partition("## For programs")[2])
    (members,) = [members for types, members in rows if f"`{told_of['type']}`" in types]
    documented = set(re.findall(r"`(\w+)`", members))
    assert set(told_of) - {"type", "at"} <= documented


UTC_AT = {"at": "2026-01-15T10:30:00.000Z"}


def test_programs_are_told_the_session() -> None:
    (ready,) = lines_of_json(lambda report: report.ready(SESSION, local_server_answers=True))
    assert ready == UTC_AT | {
        "type": "ready",
        "session": "lsn_1",
        "url": "https://flux.example.com/in/lst_x",
        "secret": "whsec_x",
        "events": ["*"],
        "forward_to": URL,
        "local_server_answers": True,
    }


def test_programs_are_told_each_request() -> None:
    (request,) = lines_of_json(lambda report: report.arrived(delivered()))
    assert request == UTC_AT | {
        "type": "request",
        "id": "r1",
        "method": "POST",
        "path": "",
        "query": "",
        "headers": [["Webhook-Id", EVENT], ["Flux-Attempt", "1"]],
        "body": '{"type":"order.completed"}',
        "body_base64": None,
        "delivery": "dlv_1",
        "event": EVENT,
        "event_type": "order.completed",
        "attempt": 1,
        "received_at": "2026-01-15T10:30:00Z",
    }


def test_programs_are_told_each_answer() -> None:
    def tell(report: JsonReport) -> None:
        report.replied(Reply(delivered(), Answer("r1", 418, (), b"tea"), URL, 0.0123))
        report.replied(Reply(strange(), Failed("r2", "timeout", "It did not answer."), URL, 30.0))

    answer, failed = lines_of_json(tell)
    assert answer == UTC_AT | {
        "type": "answer",
        "id": "r1",
        "delivery": "dlv_1",
        "event": EVENT,
        "url": URL,
        "status": 418,
        "body_bytes": 3,
        "error": None,
        "duration_ms": 12.3,
        "repeated": False,
        "late": False,
    }
    assert (failed["status"], failed["error"]) == (None, {"code": "timeout", "message": "It did not answer."})


def test_programs_are_told_what_becomes_of_the_connection() -> None:
    def tell(report: JsonReport) -> None:
        report.disconnected("The server closed it.")
        report.reconnected(1.23)
        report.server_lacks("redis", "Redis does not answer.")
        report.server_lacks_nothing()
        report.ended("stopped", "Ended.")
        report.lost_session("deleted", "It was ended elsewhere.")

    assert lines_of_json(tell) == [
        UTC_AT | {"type": "disconnected", "message": "The server closed it."},
        UTC_AT | {"type": "reconnected", "after_seconds": 1.2},
        UTC_AT | {"type": "unavailable", "what": "redis", "message": "Redis does not answer."},
        UTC_AT | {"type": "available"},
        UTC_AT | {"type": "ended", "reason": "stopped", "message": "Ended."},
        UTC_AT | {"type": "ended", "reason": "deleted", "message": "It was ended elsewhere."},
    ]


def test_a_body_that_is_no_text_comes_in_base64() -> None:
    (told_of,) = lines_of_json(lambda report: report.arrived(strange(body=bytes(range(256)))))
    assert told_of["body"] is None
    assert told_of["body_base64"].startswith("AAECAwQF")
