"""`flux accounts` and `flux keys`: the customers of a platform, and who may act for them."""

import json
import re

import pytest

from tests.cli.conftest import Shop
from tests.support.command import Command


def test_an_account_is_made_found_changed_and_deleted(platform: Command) -> None:
    made = platform.done("accounts", "create", "Acme", "--external-id", "cus_42", "--metadata", "plan=gold")
    account = made.fields["id"]
    assert "--account ext:cus_42" in made.err
    assert platform.done("accounts", "create", "Another", "--external-id", "cus_42").fields["name"] == "Acme"
    assert platform.done("accounts", "show", "ext:cus_42").fields["metadata"] == "plan=gold"
    assert account in {row[0] for row in platform.done("accounts", "list", "--all").rows}
    changed = platform.done("accounts", "update", "ext:cus_42", "--name", "Acme & Sons", "--external-id", "", "--json")
    assert (json.loads(changed.out)["name"], json.loads(changed.out)["external_id"]) == ("Acme & Sons", None)
    assert "Nothing was given" in platform.misused("accounts", "update", account)
    assert "for good?" in platform.refused("accounts", "delete", account)
    platform.done("accounts", "delete", account, "--yes")
    assert "`flux accounts list`" in platform.refused("accounts", "show", account)


def test_a_platform_key_acts_for_whom_it_names_before_the_command_or_behind_it(platform: Command, shop: Shop) -> None:
    account = shop.found.account
    behind = platform.done("webhooks", "list", "--account", account)
    assert shop.found.works in {row[0] for row in behind.rows}
    assert platform.done("--account", account, "webhooks", "list").out == behind.out
    assert platform.done("webhooks", "--account", account, "list").out == behind.out
    assert platform.done("--account", shop.found.empty, "webhooks", "list", "--account", account).out == behind.out
    assert platform.done("webhooks", "list", "--account", shop.found.empty).out == ""
    assert "Flux-Account" in platform.refused("webhooks", "list")
    assert "not 'nobody'" in platform.refused("webhooks", "list", "--account", "nobody")


def test_the_key_of_an_account_makes_none(flux: Command) -> None:
    assert "platform key" in flux.refused("accounts", "list")


def test_keys_are_made_listed_and_revoked_over_the_api(fresh: Command) -> None:
    made = fresh.done("keys", "create", "--scope", "read", "--name", "Reports", "--expires-in", "30")
    assert re.fullmatch(r"sk_live_\w+\n", made.out)
    reading = fresh.with_settings(FLUX_API_KEY=made.out.strip())
    assert reading.done("webhooks", "list").status == 0
    assert "lacks the scope webhooks:write" in reading.refused("webhooks", "create", "https://example.com/")
    [row] = [row for row in fresh.done("keys", "list").rows if row[5] == "Reports"]
    assert row[3:5] == ["read", "works"]
    assert made.out.strip() not in fresh.done("keys", "list", "--json").out
    # as a table on a narrow terminal shows it
    assert fresh.done("keys", "revoke", f"{row[0][:8]}…{row[0][-8:]}").out == f"{row[0]} is revoked.\n"
    assert "`flux keys list`" in fresh.refused("keys", "revoke", row[0])
    as_json = json.loads(fresh.done("keys", "create", "--json").out)
    assert (as_json["object"], as_json["key"][:8]) == ("api_key", "sk_live_")


def test_over_the_api_a_key_is_of_the_kind_that_was_asked_for(platform: Command, flux: Command, shop: Shop) -> None:
    assert "takes a platform key" in flux.refused("keys", "create", "--platform")
    assert "--account, or say --platform" in platform.refused("keys", "create")
    assert json.loads(platform.done("keys", "create", "--platform", "--json").out)["account"] is None
    of_shop = platform.done("keys", "create", "--account", shop.found.account, "--json")
    assert json.loads(of_shop.out)["account"] == shop.found.account


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--scope", "all"), "all is not a scope. There are: "),
        (("create", "--platform", "--account", "acct_x"), "give --platform or --account, not both"),
        (("create", "--account", "nobody"), "nobody"),
        (("revoke", "nothing"), "nothing"),
    ],
)
def test_a_key_that_cannot_be_is_refused(flux: Command, arguments: tuple[str, ...], words: str) -> None:
    assert words in flux.refused("keys", *arguments)


def test_in_the_database_keys_have_names_and_ends_too(flux: Command, database_url: str) -> None:
    both = flux.with_settings(FLUX_DATABASE_URL=database_url)
    made = json.loads(both.done("keys", "create", "--name", "CI", "--expires-in", "1", "--json").out)
    assert made["expires_at"] > made["created"]
    [listed] = [json.loads(line) for line in both.done("keys", "list", "--json").out.splitlines()]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    # what is told on the command line goes before the database
    assert made["id"] not in both.done("keys", "list", "--api-key", flux.environment()["FLUX_API_KEY"]).out
    assert json.loads(both.done("keys", "revoke", made["id"], "--json").out)["revoked"] is True
    assert [row[4] for row in both.done("keys", "list").rows] == ["revoked"]


def test_an_account_is_named_by_its_external_id_in_the_database_too(flux: Command, database_url: str) -> None:
    local = flux.with_settings(FLUX_DATABASE_URL=database_url)
    assert "There is no account ext:cus_9." in local.refused("keys", "create", "--account", "ext:cus_9")


def test_keys_without_any_place_say_where(flux: Command) -> None:
    nowhere = flux.with_settings(FLUX_API_URL="", FLUX_API_KEY="")
    assert "FLUX_DATABASE_URL" in nowhere.refused("keys", "list")
