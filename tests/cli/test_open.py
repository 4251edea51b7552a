"""`flux open`: the dashboard, signed in where the key may."""

import json
from pathlib import Path

import httpx

from tests.cli.conftest import Shop
from tests.support.command import Command
from tests.support.waiting import eventually


def test_a_link_signs_in_once(flux: Command) -> None:
    url = flux.done("open").out.strip()
    assert "/dashboard/sign-in/" in url
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        assert browser.get(url).status_code == 200
    assert json.loads(flux.done("open", "--json").out)["url"] != url


def test_a_key_that_may_not_is_led_to_the_entrance(flux: Command, shop: Shop) -> None:
    reading = flux.with_settings(FLUX_API_KEY=shop.reading_key)
    assert reading.done("open").out.strip() == f"{shop.api_url}/dashboard"
    platform = flux.with_settings(FLUX_API_KEY=shop.platform_key)
    assert platform.done("open").out.strip() == f"{shop.api_url}/dashboard"
    assert "/sign-in/" in platform.done("open", "--account", shop.found.account).out
    assert "There is no account" in platform.refused("open", "--account", "ext:nobody")


def test_a_browser_is_opened_where_there_is_a_screen(flux: Command, shop: Shop, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    path = f"{tmp_path}:{flux.environment()['PATH']}"
    terminal = flux.terminal("open", DISPLAY=":7", PATH=path)
    assert terminal.end() == 0
    assert f"Opening {shop.api_url}/dashboard" in terminal.text
    assert "sign-in" not in terminal.text
    assert "/dashboard/sign-in/" in eventually(
        lambda: opened.exists() and opened.read_text(), "the browser was started"
    )
    printed = flux.terminal("open", "--print", DISPLAY=":7", PATH=path)
    assert printed.end() == 0
    assert "/dashboard/sign-in/" in printed.text
