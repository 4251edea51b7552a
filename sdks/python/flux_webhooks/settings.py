"""What a client is made with: key, URL, timeout and retries, from arguments or the environment; checked at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from flux_webhooks.errors import ConfigurationError
from flux_webhooks.lazy_httpx import httpx
from flux_webhooks.numbers import in_words
from flux_webhooks.retries import DEFAULT_RETRIES

DEFAULT_TIMEOUT_SECONDS: Final = 30.0
"""Longer than a test of a webhook waits for its attempt."""

MAX_TIMEOUT_SECONDS: Final = 1_000_000_000
"""For ever; a socket takes no larger number."""


@dataclass(frozen=True)
class Settings:
    """The settings of a client, checked; `api_key` is in no repr."""

    api_key: str = field(repr=False)
    api_url: str
    account: str | None
    timeout: float
    max_retries: int


def read_settings(
    api_key: str | None, api_url: str | None, account: str | None, timeout: float | None, max_retries: int | None
) -> Settings:
    """Return the settings; what is None comes from the environment, or else is what it is unless told.

    Raises:
        ConfigurationError: one of them cannot be right; the message says which, and never holds the key.
    """
    key = os.environ.get("FLUX_API_KEY") if api_key is None else api_key
    url = os.environ.get("FLUX_API_URL") if api_url is None else api_url
    acts_for = None if account is None else checked_account(account)
    return Settings(_key(key), _url(url), acts_for, _timeout(timeout), _retries(max_retries))


def checked_account(account: object) -> str:
    """Return the account that a platform key acts for.

    Raises:
        ConfigurationError: no account can have this name.
    """
    names = isinstance(account, str) and account.startswith(("acct_", "ext:")) and account.isprintable()
    if not isinstance(account, str) or not names or account != account.strip():
        named = in_words(account)[:60]
        raise ConfigurationError(f"account is acct_… or ext:… with your own id of the customer, not {named!r}.")
    return account


def _key(key: object) -> str:
    if key is None:
        raise ConfigurationError(
            "There is no API key: pass api_key, or set FLUX_API_KEY. `flux keys create` makes one."
        )
    if not isinstance(key, str):
        raise ConfigurationError(f"api_key is text, not a {type(key).__name__}.")
    if not key:
        raise ConfigurationError("api_key is empty. `flux keys create` makes a key.")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(
            "api_key holds white space, a line break or characters beyond ASCII, which no key has: was a file read "
            "with the newline at its end?"
        )
    return key


def _url(url: object) -> str:
    if url is None:
        raise ConfigurationError("There is no URL: pass api_url, or set FLUX_API_URL, like https://flux.example.com.")
    if not isinstance(url, str):
        raise ConfigurationError(f"api_url is text, not a {type(url).__name__}.")
    mend = "give the API's address, like https://flux.example.com."
    if not url or not url.isprintable() or " " in url:
        raise ConfigurationError(f"api_url is empty, or holds white space or a line break: {mend}")
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        # the names of hosts that nobody can be asked for: httpx and the resolver would fail on them in their own way
        httpx.URL(url).raw_host.decode().encode("idna")
    except (ValueError, httpx.InvalidURL):
        is_whole = False
    if not is_whole:
        raise ConfigurationError(f"api_url does not begin with https:// or http:// and a host: {mend}")
    # a user name or password would take the place of the key
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(f"api_url has a user name, a query or a fragment, which it may not have: {mend}")
    return url.rstrip("/").removesuffix("/v1")


def _timeout(timeout: object) -> float:
    if timeout is None:
        return DEFAULT_TIMEOUT_SECONDS
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= MAX_TIMEOUT_SECONDS:
        raise ConfigurationError(f"timeout is a number of seconds, larger than 0 and at most {MAX_TIMEOUT_SECONDS:,}.")
    return float(timeout)


def _retries(max_retries: object) -> int:
    if max_retries is None:
        return DEFAULT_RETRIES
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError("max_retries is a whole number, 0 or more.")
    return max_retries
