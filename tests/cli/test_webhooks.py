"""`flux webhooks`, from making one to what it missed."""

import json
import re

import pytest

from tests.cli.conftest import Shop
from tests.support.command import Command

URL = "https://example.com/hooks"


def made(flux: Command, *more: str) -> str:
    return flux.done("webhooks", "create", URL, *more).fields["id"]


def test_one_is_made_and_its_secret_told_with_what_comes_next(fresh: Command) -> None:
    ran = fresh.done(
        *("webhooks", "create", URL, "--events", "order.completed, invoice.*", "--events", "user.signup"),
        *("--description", "Billing", "--header", "X-Team: billing", "--metadata", "customer=cus_7=x"),
    )
    assert ran.fields["events"] == "order.completed, invoice.*, user.signup"
    assert ran.fields["headers"] == "X-Team"
    assert ran.fields["metadata"] == "customer=cus_7=x"
    assert re.fullmatch(r"whsec_\S{32}", ran.fields["secret"])
    assert f"flux webhooks test {ran.fields['id']}" in ran.err
    assert "billing" not in ran.out.replace("Billing", ""), "values of headers are often secrets"


def test_without_events_it_gets_all(fresh: Command) -> None:
    ran = fresh.done("webhooks", "create", URL, "--json")
    answer = json.loads(ran.out)
    assert (answer["object"], answer["events"], ran.err) == ("webhook", ["*"], "")
    assert answer["secret"].startswith("whsec_")


def test_they_are_listed_with_whole_ids(fresh: Command) -> None:
    ids = [made(fresh) for _ in range(3)]
    listed = fresh.done("webhooks", "list")
    assert [row[:4] for row in listed.rows] == [[each, "enabled", URL, "*"] for each in reversed(ids)]
    assert listed.err == ""
    as_json = fresh.done("webhooks", "list", "--json", "--limit", "2")
    assert [json.loads(line)["id"] for line in as_json.out.splitlines()] == ids[:0:-1]
    assert len(fresh.done("webhooks", "list", "--all").rows) == 3


def test_one_is_looked_at(flux: Command, shop: Shop) -> None:
    fields = flux.done("webhooks", "show", shop.found.fails).fields
    assert fields["url"].startswith("https://ledger.")
    assert re.search(r"\d attempts, [\d.]+% delivered, p95 \d+ ms, \d+ given up", fields["last 24 h"])
    assert json.loads(flux.done("webhooks", "show", shop.found.fails, "--json").out)["id"] == shop.found.fails
    gone = flux.done("webhooks", "show", shop.found.gone).fields
    assert (gone["status"], gone["disabled_reason"]) == ("disabled", "gone")


def test_what_is_given_is_changed_and_all_else_stays(fresh: Command) -> None:
    webhook = made(fresh, "--header", "X-Team: a", "--metadata", "plan=gold")
    changed = fresh.done("webhooks", "update", webhook, "--events", "order.*", "--header", "").fields
    assert changed["events"] == "order.*"
    assert "headers" not in changed
    assert changed["metadata"] == "plan=gold"
    disabled = fresh.done("webhooks", "update", webhook, "--status", "disabled", "--reason", "The shop moved").fields
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "The shop moved")
    assert "Nothing was given" in fresh.misused("webhooks", "update", webhook)
    assert "'X' is not like 'X-Team: billing'" in fresh.misused("webhooks", "update", webhook, "--header", "X")
    assert "'off'" in fresh.misused("webhooks", "update", webhook, "--status", "off")


def test_none_is_deleted_without_a_yes(fresh: Command) -> None:
    webhook = made(fresh)
    refused = fresh.refused("webhooks", "delete", webhook)
    assert "say --yes" in refused
    assert webhook in refused
    assert fresh.done("webhooks", "delete", webhook, "--yes").err == f"{webhook} is deleted.\n"
    assert fresh.refused("webhooks", "delete", webhook, "--yes").endswith("`flux webhooks list` shows what there is.")


def test_somebody_is_asked_on_a_terminal(fresh: Command) -> None:
    webhook = made(fresh)
    for answer, status in (("\n", 1), ("no\n", 1), ("y\n", 0)):
        terminal = fresh.terminal("webhooks", "delete", webhook)
        terminal.until(lambda text: "[y/N]" in text, "the question")
        terminal.type(answer)
        assert terminal.end() == status
        assert ("Nothing was changed." in terminal.text) == (status == 1)
    assert fresh("webhooks", "show", webhook).status == 1


def test_the_secret_is_printed_alone_and_rotated(fresh: Command) -> None:
    webhook = made(fresh)
    first = fresh.done("webhooks", "secret", webhook).out
    assert re.fullmatch(r"whsec_\S{32}\n", first)
    rotated = fresh.done("webhooks", "rotate-secret", webhook, "--expires-in", "3600")
    assert rotated.out != first
    assert "signs beside it until" in rotated.err
    assert fresh.done("webhooks", "secret", webhook).out == rotated.out
    assert fresh.done("webhooks", "rotate-secret", webhook, "--expires-in", "0").err == "All older ones ended.\n"
    assert json.loads(fresh.done("webhooks", "rotate-secret", webhook, "--json").out)["older"]
    assert "604800" in fresh.misused("webhooks", "rotate-secret", webhook, "--expires-in", "604801")


def test_a_test_that_no_worker_sends_says_where_to_look(fresh: Command) -> None:
    refused = fresh.refused("webhooks", "test", made(fresh))
    assert re.search(r"flux deliveries show dlv_\w{32}` will have it. Does a worker run\?", refused)
    assert fresh.done("webhooks", "test", made(fresh), "--no-wait").fields["test"] == "yes"


def test_what_was_missed_is_counted(flux: Command, shop: Shop) -> None:
    counted = flux.done("webhooks", "recover", shop.found.fails, "--since", "1d", "--dry-run").fields
    assert int(counted["total"]) > 0
    assert flux.done("recover", shop.found.fails, "--since", "1d", "--dry-run").fields["total"] == counted["total"]


def test_an_id_that_a_table_cut_is_found_again(flux: Command, shop: Shop) -> None:
    whole = shop.found.works
    assert flux.done("webhooks", "show", f"{whole[:10]}…{whole[-6:]}").fields["id"] == whole
    assert flux.done("webhooks", "show", f"{whole[:10]}...{whole[-6:]}").fields["id"] == whole
    assert "Several are like wh_…" in flux.refused("webhooks", "show", "wh_…")
    assert "None of the newest" in flux.refused("webhooks", "show", "wh_0…zz")


@pytest.mark.parametrize("resource", ["events", "deliveries", "alerts", "recoveries"])
def test_an_id_that_a_table_cut_narrows_lists_too(flux: Command, shop: Shop, resource: str) -> None:
    whole = shop.found.fails
    narrowed = flux.done(resource, "list", "--webhook", f"{whole[:10]}…{whole[-6:]}")
    assert narrowed.out == flux.done(resource, "list", "--webhook", whole).out
