"""What takes a worker: a test that is answered, attempts that fail, and all that was missed, delivered after all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually


@pytest.fixture
def flux(running: Installation, tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path, FLUX_API_URL=running.api_url, FLUX_API_KEY=running.key)
    yield command
    command.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_test_shows_what_the_endpoint_answered(flux: Command, receiver: Receiver) -> None:
    webhook = flux.done("webhooks", "create", f"{receiver.url}/test", "--events", "user.signup").fields["id"]
    ran = flux.done("webhooks", "test", webhook, "--type", "order.completed")
    assert ran.fields["status"] == "delivered"
    assert [row[1:2] + row[3:4] + row[5:] for row in ran.rows if row[0] == "attempt"] == [["1", "200", "ok"]]

    receiver.answer = lambda _: 401
    receiver.reply = lambda _: ({}, "\x1b[31mwho are you?")
    assert "Your endpoint answered 401" in flux.refused("webhooks", "test", webhook)
    terminal = flux.terminal("webhooks", "test", webhook, columns=160)
    assert terminal.end() == 1
    assert "who are you?" in terminal.text
    assert "\x1b[31mwho" not in terminal.raw
    assert terminal.text.count("Your endpoint answered 401") == 1
    answer = flux("webhooks", "test", webhook, "--json")
    assert (answer.status, json.loads(answer.out)["attempts"][0]["status"]) == (1, 401)
    flux.done("webhooks", "delete", webhook, "--yes")


def test_what_was_missed_is_delivered_after_all(flux: Command, receiver: Receiver) -> None:
    webhook = flux.done("webhooks", "create", f"{receiver.url}/missed", "--events", "order.completed").fields["id"]
    receiver.answer = lambda _: 500
    event = flux.done("trigger", "order.completed").fields["id"]

    def is_failed() -> bool:
        return flux.done("events", "show", event).fields["status"] == "failed"

    eventually(is_failed, "the event failed")
    [alert] = [row for row in flux.done("alerts", "list").rows if row[2] == "order.completed"]
    assert alert[3] == "http_status 500"
    receiver.answer = lambda _: 200

    counted = flux.done("recover", webhook, "--since", "10m", "--dry-run")
    assert counted.fields["total"] == "1"
    begun = flux.done("recover", webhook, "--since", "10m", "--no-wait")
    [follow] = re.findall(r"flux (recoveries follow rec_\w+)", begun.err)
    assert "one of a webhook" in (again := flux.refused("recover", webhook, "--since", "10m")) or "rec_" in again
    terminal = flux.terminal(*follow.split(), columns=100)
    assert terminal.end() == 0
    assert "Recovering" in terminal.text
    assert re.search(r"status +completed", terminal.text)

    recovery = follow.split()[-1]
    assert flux.done("recoveries", "show", recovery).fields["total"] == "1"
    assert [row[:3] for row in flux.done("recoveries", "list").rows] == [[recovery, "completed", "1"]]
    assert "completed" in flux.refused("recoveries", "cancel", recovery)
    assert flux.done("webhooks", "show", webhook).fields["last 24 h"].startswith("3 attempts")
    flux.done("webhooks", "delete", webhook, "--yes")


def test_a_recovery_may_be_ended(flux: Command) -> None:
    webhook = flux.done("webhooks", "create", "http://127.0.0.1:3999/", "--events", "user.signup").fields["id"]
    begun = flux.done("recover", webhook, "--since", "1h", "--no-wait", "--json")
    recovery = json.loads(begun.out)["id"]
    ended = flux.done("recoveries", "cancel", recovery)
    assert ended.fields["status"] == "canceled"
    assert "was canceled before its end (requested)" in flux.refused("recoveries", "follow", recovery)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "'yesterday' is no time"),
        (("--since", "99999999999d"), "is no time"),
        (("--since", "2026-13-01"), "'2026-13-01' is no time"),
        ((), "Missing option '--since'"),
    ],
)
def test_a_time_that_is_none_is_refused(flux: Command, arguments: tuple[str, ...], words: str) -> None:
    assert words in flux.misused("recover", "wh_" + "0" * 32, *arguments)
