"""The way to the API that the environment names, a proxy and certificates: only what this way needs of them counts."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from flux_webhooks.errors import ConfigurationError
from flux_webhooks.lazy_httpx import httpx

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
MAX_PORT: Final = 65535


def client_options(api_url: str) -> dict[str, Any]:
    """Return what a client of httpx is made with to reach this URL, and no other.

    httpx itself reads every variable that there is, and fails on one that has nothing to do with this URL.

    Raises:
        ConfigurationError: a variable that is needed cannot be used; the message names it, and not what it holds.
    """
    url = urlsplit(api_url)
    proxy = _proxy(url)
    needs_certificates = url.scheme == "https" or (proxy is not None and proxy.url.scheme == "https")
    # without certificates, nobody is believed
    context = _certificates() if needs_certificates else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if proxy is not None and proxy.url.scheme == "https":
        proxy.ssl_context = context
    return {"trust_env": False, "proxy": proxy, "verify": context}


def _proxy(url: SplitResult) -> httpx.Proxy | None:
    known = getproxies()
    scheme = url.scheme if known.get(url.scheme) else "all"
    text = known.get(scheme, "").strip()
    if not text or _goes_past(url, known.get("no", "")):
        return None
    name = _name_of(f"{scheme}_proxy")
    mend = "name one like http://proxy.example.com:3128, unset it, or have NO_PROXY name the API's host."
    try:
        proxy = httpx.Proxy(text if "://" in text else f"http://{text}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host or (proxy.url.port or 0) > MAX_PORT:  # what it holds may be a password
        raise ConfigurationError(f"{name} names no proxy that can be used: {mend}")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(f"{name} names a SOCKS proxy: install httpx[socks] with pip, or else {mend}")
    return proxy


def _goes_past(url: SplitResult, no_proxy: str) -> bool:
    """Say whether a list of hosts has this one, or a domain that it belongs to, with its port or without any."""
    host, port = url.hostname or "", url.port or DEFAULT_PORTS[url.scheme]
    for each in no_proxy.lower().split(","):
        scheme, _, listed = each.strip().rpartition("://")
        name = listed.removesuffix(f":{port}").strip("[]").lstrip("*.")
        is_host = bool(name) and f".{host}".endswith(f".{name}")
        if listed == "*" or (is_host and scheme in {"", "all", url.scheme}):
            return True
    return False


def _name_of(variable: str) -> str:
    """Return a variable as it is written in this environment: in lower case it goes before the other one."""
    written = [name for name in os.environ if name.lower() == variable]
    return min(written, key=lambda name: name != variable, default="The proxy of this system")


def _certificates() -> ssl.SSLContext:
    folders = os.environ.get("SSL_CERT_DIR", "")
    if folders and not os.environ.get("SSL_CERT_FILE") and not any(map(os.path.isdir, folders.split(os.pathsep))):
        raise _unreadable("SSL_CERT_DIR", "there is no such folder")
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise _unreadable(_culprit(), error.strerror or "it holds no certificates") from None


def _culprit() -> str:
    """Return which file cannot be used: the certificates, or the log of keys, which is opened after them."""
    file = os.environ.get("SSL_CERT_FILE")
    try:
        if file:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError:
        return "SSL_CERT_FILE"
    return "SSLKEYLOGFILE"


def _unreadable(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is {os.environ.get(name)!r}, which cannot be used ({why}), and https:// needs it: mend or unset it."
    )
