"""`flux events` and `flux trigger`: published, found again, sent again."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Shop
from tests.support.command import Command

DATA = '{"order": 7, "total": "42.00"}'


def test_many_are_published_out_of_a_file(fresh: Command, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    events = [{"type": "a.b", "data": {"n": n}, "idempotency_key": f"n-{n}"} for n in range(1_200)]
    file.write_text("\n".join(map(json.dumps, events)) + "\n\n")
    first = fresh.done("events", "publish-batch", str(file))
    assert len(first.out.splitlines()) == 1_200
    assert first.err == "1,200 events are published.\n"
    assert fresh.done("events", "publish-batch", "-", stdin=file.read_bytes()).out == first.out, "each is one event"
    large = [{"type": "a.b", "data": {"text": "x" * 60_000}} for _ in range(8)]
    ran = fresh.done("events", "publish-batch", "-", "--json", stdin="\n".join(map(json.dumps, large)).encode())
    assert [json.loads(line)["type"] for line in ran.out.splitlines()] == ["a.b"] * 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no event"),
        ('{"type": "a.b", "data": {}}\n{"type": }', "line 2 is no JSON"),
        ('{"type": "a.b"}', "line 1 is no event"),
        ('{"type": "a.b", "data": {}, "when": 1}', "line 1 is no event"),
        ('\n{"type": "a.b", "data": {}}\n{"type": "a b", "data": {}}', "Line 3 was refused: "),
        ('{"type": "a.b", "data": []}', "Line 1 was refused: "),
    ],
)
def test_a_file_with_what_is_no_event_publishes_nothing(fresh: Command, text: str, words: str) -> None:
    assert words in fresh.refused("events", "publish-batch", "-", stdin=text.encode())
    assert fresh.done("events", "list").out == ""


def test_what_was_published_before_a_refusal_is_said(fresh: Command) -> None:
    lines = ['{"type": "a.b", "data": {}}'] * 1_000 + ['{"type": "a b", "data": {}}']
    ran = fresh("events", "publish-batch", "-", stdin="\n".join(lines).encode())
    assert (ran.status, len(ran.out.splitlines())) == (1, 1_000)
    assert "Line 1001 was refused: " in ran.err
    assert "the 1,000 before line 1001 are published" in ran.err


def test_a_line_ends_where_json_lets_no_text_go_on(fresh: Command, tmp_path: Path) -> None:
    texts = ["a\u2028b", "a\u2029b", "a\x85b", "\u00fc"]
    file = tmp_path / "events.jsonl"
    lines = (json.dumps({"type": "a.b", "data": {"text": text}}, ensure_ascii=False) for text in texts)
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())  # as Windows writes it
    for source in (str(file), "-"):
        fresh.done("events", "publish-batch", source, stdin=file.read_bytes())
    listed = [json.loads(line) for line in fresh.done("events", "list", "--json").out.splitlines()]
    assert sorted(each["data"]["text"] for each in listed) == sorted(texts * 2)


def test_an_event_is_published_from_three_places(fresh: Command, tmp_path: Path) -> None:
    fresh.done("webhooks", "create", "https://example.com/")
    file = tmp_path / "order.json"
    file.write_bytes(b"\xef\xbb\xbf" + DATA.encode())  # as Windows writes it
    for given in (DATA, f"@{file}", "-"):
        ran = fresh.done("events", "publish", "order.completed", "--data", given, stdin=DATA.encode())
        assert (ran.fields["status"], ran.fields["webhooks"]) == ("pending", "1")
        assert f"flux events show {ran.fields['id']}" in ran.err
    listed = [json.loads(line) for line in fresh.done("events", "list", "--json").out.splitlines()]
    assert [each["data"] for each in listed] == [json.loads(DATA)] * 3


def test_with_a_key_it_is_one_event_however_often(fresh: Command) -> None:
    command = ("events", "publish", "order.completed", "--data", DATA, "--idempotency-key", "order-7")
    first, again = fresh.done(*command), fresh.done(*command)
    assert first.fields["id"] == again.fields["id"]
    assert "published before" in again.err
    assert "idempotency" in fresh.refused(*command[:4], "{}", *command[5:])


def test_what_nobody_wanted_says_so_and_which_type_was_meant(fresh: Command) -> None:
    ran = fresh.done("events", "publish", "order.complete", "--data", "{}")
    assert ran.fields["status"] == "unmatched"
    assert "No webhook wants order.complete" in ran.err
    assert "Did you mean order.completed?" in ran.err
    assert f"flux events resend {ran.fields['id']}" in ran.err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"order": 7,}', "--data is no JSON: line 1, column 13"),
        ("{'order': 7}", "double quotes"),
        ('{\n  "order": x\n}', "line 2, column 12, near '\"order\": x'"),
        ("[1]", "--data holds a list, where an object is wanted"),
        ('"text"', "holds text"),
        ("7", "holds a number"),
        ("", "--data is no JSON: line 1, column 1"),
        ('{"a": NaN}', "NaN is no number that JSON has"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("@nowhere.json", "--data: nowhere.json cannot be read: No such file or directory."),
        ("@/", "--data: / cannot be read: Is a directory."),
        ("@\0", "cannot be read"),
        ("-", "Standard input is no JSON: line 1, column 1"),
        ('{"order": 7,\n', "--data is no JSON: line 2, column 1: "),
    ],
)
def test_data_that_cannot_be_is_refused_with_its_place(flux: Command, data: str, words: str) -> None:
    assert words in flux.refused("events", "publish", "order.completed", "--data", data)


def test_a_file_that_is_no_text_is_refused(flux: Command, tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_bytes(b"\xff\xfe")
    assert f"{file} is not UTF-8" in flux.refused("events", "publish", "order.completed", "--data", f"@{file}")
    for command in (
        ("events", "publish", "order.completed", "--data"),
        ("events", "publish-batch"),
        ("event-types", "import"),
    ):
        assert "standard input is not UTF-8" in flux.refused(*command, "-", stdin=b"\xff")


def test_a_standard_input_that_is_closed_is_empty(flux: Command) -> None:
    for arguments, words in (
        (("events", "publish", "order.completed", "--data", "-"), "Standard input is no JSON"),
        (("events", "publish-batch", "-"), "standard input holds no event"),
        (("verify", "--secret", "whsec_x", "--header", "t=1,v1=0"), "bad_secret"),
    ):
        process = flux.process(*arguments, stdin=None, preexec_fn=lambda: os.close(0))
        assert words in process.communicate()[1].splitlines()[0]


def test_a_type_that_cannot_be_is_refused(flux: Command) -> None:
    assert "joined by dots" in flux.refused("events", "publish", "Order Completed", "--data", "{}")
    assert "Missing option '--data'" in flux.misused("events", "publish", "order.completed")


def test_the_filters_are_those_of_the_api(flux: Command, shop: Shop) -> None:
    of_type = flux.done("events", "list", "--type", "invoice.paid", "--status", "failed", "--limit", "3")
    assert {tuple(row[1:3]) for row in of_type.rows} == {("invoice.paid", "failed")}
    to_one = flux.done("events", "list", "--webhook", shop.found.fails, "--created-after", "1d", "--limit", "5")
    assert all(row[1].startswith("invoice.") for row in to_one.rows)
    assert flux.done("events", "list", "--created-before", "2001-01-01").out == ""
    assert "'soon' is no time: give one like 2h" in flux.misused("events", "list", "--created-after", "soon")
    assert "--status" in flux.misused("events", "list", "--status", "lost")
    assert "'wh_1' is not an id" in flux.refused("events", "list", "--webhook", "wh_1")


def test_pages_are_followed(flux: Command) -> None:
    every = [row[0] for row in flux.done("events", "list", "--all").rows]
    assert len(every) == len(set(every)) > 300
    assert [row[0] for row in flux.done("events", "list", "--limit", "130").rows] == every[:130]
    assert len(flux.done("events", "list").rows) == 25
    assert "--limit" in flux.misused("events", "list", "--limit", "0")


def test_one_shows_its_data_and_its_deliveries(flux: Command, shop: Shop) -> None:
    ran = flux.done("events", "show", shop.found.event)
    assert ran.fields["id"] == shop.found.event
    assert json.loads(ran.fields["data"])
    assert [row[0] for row in ran.rows if row[0].startswith("dlv_")] == [shop.found.retrying]
    body = flux.done("events", "show", shop.found.event, "--body").out
    assert json.loads(body)["id"] == shop.found.event
    assert json.loads(flux.done("events", "show", shop.found.event, "--json").out)["body"] == body.rstrip("\n")


def test_one_is_sent_again(fresh: Command) -> None:
    event = fresh.done("events", "publish", "order.completed", "--data", "{}").fields["id"]
    assert "wants" in fresh.refused("events", "resend", event)
    webhook = fresh.done("webhooks", "create", "https://example.com/").fields["id"]
    resent = fresh.done("events", "resend", event)
    assert resent.rows[0][1] in {"pending", "scheduled"}
    assert resent.err == "1 delivery is due now.\n"
    answer = json.loads(fresh.done("events", "resend", event, "--webhook", webhook, "--json").out)
    assert answer["total"] == 1


def test_the_example_of_a_type_is_triggered(fresh: Command) -> None:
    fresh.done("webhooks", "create", "https://example.com/")
    assert fresh.done("trigger", "order.completed").fields["status"] == "pending"
    assert json.loads(fresh.done("trigger", "user.signup", "--json").out)["type"] == "user.signup"


def test_a_type_without_an_example_is_not_triggered(fresh: Command) -> None:
    assert "Did you mean order.completed?" in fresh.refused("trigger", "order.complete")
    assert "There is no event type 'x y'" in fresh.refused("trigger", "x y")
    assert "flux webhooks test" in fresh.refused("trigger", "flux.delivery.failed")
    fresh.done("event-types", "create", "invoice.paid")
    assert "flux event-types update invoice.paid --example" in fresh.refused("trigger", "invoice.paid")
