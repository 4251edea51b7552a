"""`flux open`: the dashboard, signed in where the key may do that."""

import os
import shutil
import subprocess
import sys
from typing import Annotated

import flux_webhooks
import typer

from flux_dispatch.cli.client.connection import open_client, told_refusals
from flux_dispatch.cli.client.target import Target, find_target
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.terminal import is_terminal, note, say

app = Group()


@app.command("open", examples="flux open\nflux open --print\nflux open --account ext:cus_42")
def open_dashboard(
    print_only: Annotated[bool, typer.Option("--print", help="Only print the address.")] = False,
) -> None:
    """Open the dashboard in a browser, signed in by a link that works once.

    That takes a key with the scope admin; with others it opens where one signs in. Where there is no browser, or no
    terminal, the address is printed.
    """
    target = find_target(shared_options())
    with told_refusals(target):
        url = _sign_in_url(target)
    browser = None if print_only or shared_options().as_json or not is_terminal() else _browser()
    if shared_options().as_json:
        say_json({"url": url})
    elif browser is None:
        say(url)
    else:
        note(f"Opening {target.api_url}/dashboard")
        subprocess.Popen([browser, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - found on the PATH


def _sign_in_url(target: Target) -> str:
    account = shared_options().account
    with open_client(target, account) as flux:
        try:
            return flux.portal_links.create().url
        except (flux_webhooks.PermissionDeniedError, flux_webhooks.InvalidRequestError):
            # a key that may read, or one of the platform that names no account: the page asks for a key itself
            flux.event_types.list(limit=1) if account else None
            return f"{target.api_url.rstrip('/')}/dashboard"


def _browser() -> str | None:
    """Return the program that opens addresses here, if there is a screen to show them on."""
    if sys.platform == "darwin":
        return shutil.which("open")
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return shutil.which("xdg-open") if has_screen else None
