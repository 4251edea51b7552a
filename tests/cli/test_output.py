"""What comes out: on a terminal, in a pipe, as JSON, once or as long as one looks."""

import json
import re
import signal
import subprocess

import pytest

from tests.cli.conftest import Shop
from tests.support.command import Command


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("resource", ["webhooks", "deliveries", "events"])
def test_a_table_fits_the_terminal(flux: Command, resource: str, columns: int) -> None:
    terminal = flux.terminal(resource, "list", "--limit", "5", columns=columns)
    assert terminal.end() == 0
    head, *rows = [line for line in terminal.text.splitlines() if "--limit" not in line]
    assert max(map(len, [head, *rows])) <= columns
    assert head.split()[0] == resource.upper().removesuffix("S").replace("DELIVERIE", "DELIVERY")
    assert all(re.match(r"(wh|evt|dlv)_\w", row) for row in rows)
    whole = columns == 200
    assert all(("…" not in row.split()[0]) == whole for row in rows) or columns > 80


def test_a_list_says_that_there_are_more(flux: Command) -> None:
    terminal = flux.terminal("events", "list", "--limit", "2")
    assert terminal.end() == 0
    assert "These are 2; there are more (--limit N, or --all)." in terminal.text


@pytest.mark.parametrize(("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_who_wants_them(flux: Command, settings: dict[str, str], *, coloured: bool) -> None:
    terminal = flux.terminal("deliveries", "list", **settings)
    assert terminal.end() == 0
    assert ("\x1b[" in terminal.raw) == coloured


def test_an_empty_list_teaches_the_next_command(fresh: Command) -> None:
    for resource in ("webhooks", "events", "deliveries", "recoveries"):
        terminal = fresh.terminal(resource, "list", columns=120)
        assert terminal.end() == 0
        assert re.search(r"\n  flux \w+", terminal.text), resource
        assert fresh.done(resource, "list").out == ""


def test_times_are_local_on_a_terminal_and_utc_elsewhere(flux: Command, shop: Shop) -> None:
    [created] = [row[1] for row in flux.done("webhooks", "show", shop.found.works).rows if row[0] == "created"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", created)
    far = flux.terminal("webhooks", "show", shop.found.works, TZ="Pacific/Kiritimati")
    near = flux.terminal("webhooks", "show", shop.found.works, TZ="UTC")
    assert (far.end(), near.end()) == (0, 0)
    there, here = (re.findall(r"created +([\d-]+ [\d:]+)\n", each.text) for each in (far, near))
    assert there != here
    assert here == [created[:19].replace("T", " ")]


def test_what_others_wrote_moves_no_cursor(fresh: Command) -> None:
    description = "red \x1b[31m, turned \u202e, and a bell \x07"
    terminal = fresh.terminal("webhooks", "create", "https://example.com/", "--description", description, columns=150)
    assert terminal.end() == 0
    assert "red \\x1b[31m, turned \\u202e, and a bell \\x07" in terminal.text
    as_json = fresh.terminal("webhooks", "list", "--json", columns=500)
    assert as_json.end() == 0
    assert "\x1b[31m" not in as_json.raw
    assert "\u202e" not in as_json.raw
    assert json.loads(as_json.raw)["description"] == description


def test_json_is_one_object_or_one_a_line(flux: Command, shop: Shop) -> None:
    listed = flux.done("events", "list", "--limit", "3", "--json").out.splitlines()
    assert [json.loads(line)["object"] for line in listed] == ["event"] * 3
    one = flux.done("webhooks", "show", shop.found.works, "--json").out
    assert one.count("\n") == 1
    on_terminal = flux.terminal("webhooks", "show", shop.found.works, "--json")
    assert on_terminal.end() == 0
    assert json.loads(on_terminal.raw) == json.loads(one)
    assert on_terminal.raw.startswith('{\n  "id"')


def test_a_reader_that_is_gone_is_no_error(flux: Command) -> None:
    process = flux.process("events", "list", "--all", "--json")
    assert process.stdout
    assert process.stderr
    with process.stdout, process.stderr:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait(30)


def test_an_output_that_is_no_utf8_gets_what_it_can(flux: Command, shop: Shop) -> None:
    plain = flux.with_settings(PYTHONIOENCODING="ascii")
    process = plain.process("webhooks", "show", shop.found.works, "--json", stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=30)
    assert json.loads(out)["id"] == shop.found.works


def test_a_watch_in_a_pipe_prints_what_is_new(fresh: Command) -> None:
    first = fresh.done("events", "publish", "order.completed", "--data", "{}").fields["id"]
    process = fresh.process("events", "list", "--watch")
    assert process.stdout
    assert process.stderr
    with process.stdout, process.stderr:
        assert process.stdout.readline().startswith(first)
        second = fresh.done("events", "publish", "order.completed", "--data", "{}").fields["id"]
        assert process.stdout.readline().startswith(second), "and the first is not printed again"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_watch_in_a_pipe_misses_nothing_however_much_comes(fresh: Command) -> None:
    fresh.done("events", "publish", "order.completed", "--data", "{}")
    process = fresh.process("events", "list", "--watch", "--limit", "2")
    assert process.stdout
    with process.stdout, fresh.client() as flux:
        process.stdout.readline()
        published = [each.id for each in flux.events.publish_batch([{"type": "a.b", "data": {}}] * 130)]
        told = [process.stdout.readline().split("\t")[0] for _ in published]
        assert sorted(told) == sorted(published)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_watch_on_a_terminal_draws_over_what_it_drew(fresh: Command) -> None:
    terminal = fresh.terminal("webhooks", "list", "--watch", columns=100)
    terminal.until(lambda text: "There is no webhook yet" in text, "the empty list")
    fresh.done("webhooks", "create", "https://example.org/inbox")
    terminal.until(lambda text: "https://example.org/inbox" in text, "the webhook")
    assert "Ctrl-C ends" in terminal.text
    assert re.search(r"\x1b\[\d+F\x1b\[J", terminal.raw)
    terminal.interrupt()
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text


def test_a_watch_outlives_an_api_that_is_away_for_a_moment(fresh: Command) -> None:
    url = "http://127.0.0.1:9"
    process = fresh.with_settings(FLUX_API_URL=url).process("events", "list", "--watch", "--json")
    assert process.stderr
    assert process.stdout
    with process.stdout, process.stderr:
        assert f"{url} does not answer" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_ctrl_c_ends_any_command_without_a_traceback(fresh: Command) -> None:
    terminal = fresh.terminal("events", "publish", "order.completed", "--data", "-")
    terminal.until(lambda text: "then Ctrl-D" in text, "the prompt")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text


def test_nothing_is_left_behind(fresh: Command) -> None:
    fresh.done("webhooks", "create", "https://example.com/")
    assert list(fresh.home.iterdir()) == []
