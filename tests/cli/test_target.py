"""Which API is called, with which key, and what is said where that does not go well."""

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Shop
from tests.support.command import Command


@pytest.fixture
def here(shop: Shop, tmp_path: Path) -> Command:
    """The command beside a `flux up`."""
    (tmp_path / "up.json").write_text(json.dumps({"api_url": shop.api_url, "api_key": shop.key}))
    return Command(tmp_path)


def nobody_listens() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_what_flux_up_runs_is_called_where_nothing_else_is_said(here: Command) -> None:
    assert here.done("webhooks", "list").rows


def test_what_is_told_goes_before_what_is_set(here: Command, shop: Shop) -> None:
    told = here.done("keys", "list", "--api-key", shop.new_key, "--json")
    assert json.loads(told.out)["account"] != shop.found.account
    elsewhere = here.with_settings(FLUX_API_URL=nobody_listens(), FLUX_API_KEY="sk_live_x")
    assert elsewhere.done("webhooks", "list", "--api-url", shop.api_url, "--api-key", shop.key).rows
    # a key alone is for what runs here
    alone = here.with_settings(FLUX_API_KEY=shop.new_key).done("webhooks", "list")
    assert shop.found.works not in {row[0] for row in alone.rows}


def test_the_key_of_flux_up_goes_nowhere_else(here: Command) -> None:
    url = nobody_listens()
    assert here.refused("webhooks", "list", "--api-url", url).startswith(f"flux: There is no API key for {url}")


def test_without_anything_it_says_where_an_api_could_be(tmp_path: Path) -> None:
    assert "--api-url or FLUX_API_URL, or start one here with `flux up`" in Command(tmp_path).refused("events", "list")
    misspelt = Command(tmp_path, FLUX_API_KYE="sk_live_x")
    assert "FLUX_API_KYE is not a setting. Did you mean FLUX_API_KEY?" in misspelt.refused("events", "list")


def test_the_redis_of_flux_up_is_asked_for_what_was_refused(tmp_path: Path, redis_url: str) -> None:
    assert "FLUX_REDIS_URL" in Command(tmp_path).refused("refused", "list")
    (tmp_path / "up.json").write_text(json.dumps({"redis_url": redis_url}))
    listed = Command(tmp_path).done("refused", "list")
    assert (listed.out, listed.err) == ("", "Nothing was refused.\n")


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_an_up_json_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "up.json").write_text(text)
    assert "is not what `flux up` writes" in Command(tmp_path).refused("events", "list")


def test_an_up_json_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "up.json").mkdir()
    assert "cannot be read: Is a directory. Set FLUX_API_URL" in Command(tmp_path).refused("events", "list")


def test_an_api_that_is_not_there_is_named_with_what_to_do(here: Command, shop: Shop, tmp_path: Path) -> None:
    url = nobody_listens()
    told = here.refused("webhooks", "list", "--api-url", url, "--api-key", shop.key)
    assert told == f"flux: {url} does not answer: Connection refused. Check --api-url; `flux up` starts an API here."
    (tmp_path / "up.json").write_text(json.dumps({"api_url": url, "api_key": shop.key}))
    assert "Is `flux up` still running?" in here.refused("webhooks", "list")


def test_what_answers_and_is_none_is_said(here: Command, shop: Shop) -> None:
    wrong = here.refused("webhooks", "list", "--api-url", f"{shop.api_url}/docs", "--api-key", shop.key)
    assert f"{shop.api_url}/docs" in wrong


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--api-url", "flux.example.com"), "--api-url does not begin with https:// or http://"),
        (("--api-url", "http://user:sesame@host"), "--api-url has a user name"),
        (("--api-key", "sk_live_x\n"), "--api-key holds white space"),
        (("--api-key", "sk_live_ü"), "--api-key holds white space, a line break or characters beyond ASCII"),
        (("--account", "acme"), "--account is acct_… or ext:…"),
    ],
)
def test_an_option_that_cannot_be_is_named(here: Command, options: tuple[str, ...], words: str) -> None:
    refused = here.refused("webhooks", "list", *options)
    assert words in refused
    assert "sesame" not in refused


def test_a_key_that_does_not_work_is_named_by_where_it_came_from(here: Command, shop: Shop) -> None:
    refused = here.refused("webhooks", "list", "--api-key", "sk_live_" + "0" * 38)
    assert "The API key from --api-key does not work" in refused
    assert "sk_live_" not in refused
    reading = here.with_settings(FLUX_API_KEY=shop.reading_key)
    refused = reading.refused("events", "publish", "order.completed", "--data", "{}")
    assert refused == "flux: This API key lacks the scope events:write. The key came from FLUX_API_KEY."


@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "publish", "a.b", "--data", '{"a": 1e400}'),
        ("events", "publish", "a.b", "--data", '{"a": ' + "9" * 5000 + "}"),
        ("events", "publish", "a.b", "--data", '{"a": "\udcff"}'),
        ("events", "publish", "a.b", "--data", "{}", "--idempotency-key", "ü"),
        ("events", "publish", "a.b", "--data", '{"a": "' + "x" * 400_000 + '"}'),
        ("webhooks", "show", "wh_\x1b[31m"),
        ("webhooks", "show", ""),
        ("webhooks", "show", "../accounts"),
        ("webhooks", "create", "not a url"),
        ("webhooks", "create", "https://example.com/", "--events", "order completed"),
        ("webhooks", "create", "https://example.com/", "--events", ","),
        ("webhooks", "create", "https://example.com/", "--header", "Host: evil"),
        ("webhooks", "create", "https://example.com/", "--header", "X-A: a\r\nX-B: b"),
        ("webhooks", "create", "https://example.com/", "--metadata", "a=\udcff"),
        ("webhooks", "create", "https://example.com/", "--description", "\0"),
        ("events", "list", "--type", "\udcff"),
        ("event-types", "create", "a.b", "--schema", '{"type": 7}'),
        ("recover", "wh_" + "0" * 32, "--since", "1h"),
        ("trigger", "\udcff"),
        ("accounts", "show", "ext:\n"),
    ],
    ids=lambda each: " ".join(each)[:60].encode("unicode_escape").decode(),
)
def test_whatever_is_typed_a_refusal_is_one_harmless_line(here: Command, arguments: tuple[str, ...]) -> None:
    refused = here.refused(*arguments)
    assert refused.isprintable()
    assert len(refused) < 1000
