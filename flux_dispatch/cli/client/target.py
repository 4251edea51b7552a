"""Where the API is that a command calls, and with which key: told, set, or what `flux up` runs here."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flux_dispatch.cli.commands.options import SharedOptions
from flux_dispatch.cli.errors import CliError

UP_FILE: Final = "up.json"
_URL, _KEY = "FLUX_API_URL", "FLUX_API_KEY"


@dataclass(frozen=True, slots=True)
class Target:
    """An API and a key for it; `url_from` and `key_from` say in words who named them."""

    api_url: str
    api_key: str = field(repr=False)
    url_from: str
    key_from: str


def find_target(given: SharedOptions) -> Target:
    """Return the API to call.

    The key that `flux up` keeps is sent to what `flux up` runs, and to no other address.

    Raises:
        CliError: there is no URL, or no key for it.
        SettingsError: a variable with our prefix is unknown, so that the one that is missing may be misspelt.
    """
    url, url_from = _told(given.api_url, "--api-url", _URL)
    key, key_from = _told(given.api_key, "--api-key", _KEY)
    if url and key:
        return Target(url, key, url_from, key_from)
    place, running = running_here()
    if not url:
        url, url_from = str(running.get("api_url", "")), str(place)
    if not url:
        raise CliError(f"Which API? Name it with --api-url or {_URL}, or start one here with `flux up`.")
    check_url(url)
    if not key and url == running.get("api_url"):
        key, key_from = str(running.get("api_key", "")), str(place)
    if not key:
        raise CliError(
            f"There is no API key for {url}: give it with --api-key or {_KEY}. `flux keys create` makes one."
        )
    return Target(url, key, url_from, key_from)


def check_url(url: str) -> None:
    """Return if this can be the URL of an API.

    Raises:
        CliError: it cannot; the message does not show it, for a password may be in it.
    """
    from flux_webhooks import ConfigurationError
    from flux_webhooks.settings import read_settings

    try:
        read_settings("sk_live_", url, None, None, None)
    except ConfigurationError as error:
        raise CliError(in_options(str(error))) from None


def in_options(message: str) -> str:
    """Return what the SDK says with the names of our options in the place of its arguments."""
    for argument in ("api_url", "api_key", "account"):
        message = re.sub(rf"^{argument}\b|\b{argument}\b(?= holds)", f"--{argument.replace('_', '-')}", message)
    return message


def running_here() -> tuple[Path, dict[str, Any]]:
    """Return what `flux up` has written of what runs here, and where that stands; nothing where nothing runs.

    Raises:
        CliError: it cannot be read.
        SettingsError: FLUX_HOME, or another variable with our prefix, is wrong.
    """
    from config.settings import load_settings

    place = load_settings().home / UP_FILE
    try:
        running = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return place, {}
    except OSError as error:
        raise CliError(f"{place} cannot be read: {error.strerror}. Set {_URL} and {_KEY} instead.") from None
    except ValueError:
        running = None
    if not isinstance(running, dict):
        raise CliError(f"{place} is not what `flux up` writes: start `flux up` anew, or set {_URL} and {_KEY}.")
    return place, running


def _told(option: str | None, flag: str, variable: str) -> tuple[str, str]:
    if option is not None:
        return option, flag
    return os.environ.get(variable, ""), variable
