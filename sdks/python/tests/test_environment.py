"""What the environment says of proxies and certificates counts where the way to the API needs it, and nowhere else."""

from __future__ import annotations

import asyncio
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from flux_webhooks import APIConnectionError, AsyncFlux, ConfigurationError, Flux

KEY = "sk_live_0123456789abcdefghijABCDEFGHIJ99secret"
PLAIN = "http://flux.example.com:8080"
SECURE = "https://flux.example.com"
LIST = {"object": "list", "data": [], "has_more": False, "next_cursor": None}
COLOURS = pytest.mark.parametrize("make", [Flux, AsyncFlux])
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
OTHERS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.lower, PROXIES), *OTHERS):
        monkeypatch.delenv(name, raising=False)


def listed(make: Any, url: str) -> list[Any]:
    """Return what a client lists that finds its own way to the API."""
    return list(asyncio.run(_listed(make, url)))


async def _listed(make: Any, url: str) -> list[Any]:
    flux = make(KEY, api_url=url, max_retries=0)
    try:
        found = flux.alerts.list()
        page = await found if inspect.isawaitable(found) else found
        return list(page.data)
    finally:
        closing = flux.close()
        if inspect.isawaitable(closing):
            await closing


@COLOURS
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_that_can_be_used_is_used(
    make: Any, name: str, scheme: str, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.replies = [wire.answer(LIST)]
    monkeypatch.setenv(name, wire.url.replace("http://", f"{scheme}user:word@"))
    assert listed(make, PLAIN) == []
    assert wire.asked[0].target == f"{PLAIN}/v1/alerts"
    assert wire.asked[0].headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"


@COLOURS
def test_a_secure_api_is_reached_through_its_own_proxy(make: Any, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.replies = [b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]
    monkeypatch.setenv("HTTPS_PROXY", wire.url)
    monkeypatch.setenv("ALL_PROXY", "nonsense://")
    with pytest.raises(APIConnectionError, match="403"):
        listed(make, SECURE)
    assert (wire.asked[0].method, wire.asked[0].target) == ("CONNECT", "flux.example.com:443")


@COLOURS
@pytest.mark.parametrize("url", [PLAIN, SECURE])
@pytest.mark.parametrize(
    "text",
    [
        *("nonsense://", "tcp://10.0.0.1:80", "http://", "http://[::1", "http://proxy:se/cret@example.com", "://x"),
        *("http://proxy.example.com:99999", "socks4://proxy.example.com", "/nonexistent"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_and_not_shown(
    make: Any, url: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{url.partition(':')[0].upper()}_PROXY"
    for each in (name, "all_proxy"):
        monkeypatch.setenv(each, text)
        with pytest.raises(ConfigurationError, match=f"^{each} names .* NO_PROXY") as refused:
            make(KEY, api_url=url)
        monkeypatch.delenv(each)
        assert "se/cret" not in repr(refused.value)
        assert refused.value.__cause__ is None


@COLOURS
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_says_what_it_takes(make: Any, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY names a SOCKS proxy: install httpx\[socks\]"):
        make(KEY, api_url=SECURE)


@COLOURS
def test_a_proxy_of_another_scheme_is_not_needed(make: Any, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.replies = [wire.answer(LIST)]
    monkeypatch.setenv("HTTPS_PROXY", "tcp://10.0.0.1:80")
    monkeypatch.setenv("HTTP_PROXY", " ")
    monkeypatch.setenv("NO_PROXY", "[::1")
    assert listed(make, wire.url) == []


@COLOURS
@pytest.mark.parametrize(
    "no_proxy",
    [
        *(
            "*",
            "a.example,*",
            "127.0.0.1",
            " b.example , 127.0.0.1 ",
            "http://127.0.0.1",
            "all://127.0.0.1",
            "[::1,127.0.0.1",
        ),
        "127.0.0.1:PORT",
    ],
)
def test_a_host_that_needs_no_proxy_is_reached_whatever_the_proxy(
    make: Any, no_proxy: str, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.replies = [wire.answer(LIST)]
    monkeypatch.setenv("ALL_PROXY", "nonsense://")
    monkeypatch.setenv("NO_PROXY", no_proxy.replace("PORT", wire.url.rpartition(":")[2]))
    assert listed(make, wire.url) == []


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_reached"),
    [
        ("https://flux.Example.com", "EXAMPLE.com", True),
        ("https://flux.example.com", ".example.com", True),
        ("https://flux.example.com", "*.example.com", True),
        ("https://flux.example.com", "flux.example.com:443", True),
        ("https://flux.example.com", "flux.example.com:80", False),
        ("https://flux.example.com", "http://flux.example.com", False),
        ("https://flux.example.com", "x.example.com,", False),
        ("https://flux.example.com", "lux.example.com", False),
        ("https://flux.example.com", "[::1", False),
        ("https://[::1]", "::1", True),
        ("https://[::1]:8443", "[::1]:8443", True),
        ("https://[::1]:8443", "[::1]:443", False),
    ],
)
def test_which_hosts_a_list_names(url: str, no_proxy: str, is_reached: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a column
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://")
    monkeypatch.setenv("no_proxy", no_proxy)
    if is_reached:
        Flux(KEY, api_url=url).close()
    else:
        with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY"):
            Flux(KEY, api_url=url)


# an interpreter that heeds no variables of its own (-I) reads no SSLKEYLOGFILE; OpenSSL reads the others
READ_BY_PYTHON = () if sys.flags.ignore_environment else ("SSLKEYLOGFILE",)


@COLOURS
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", *READ_BY_PYTHON])
def test_certificates_that_are_gone_are_named_where_they_are_needed(
    make: Any, name: str, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.replies = [wire.answer(LIST)]
    monkeypatch.setenv(name, "/nonexistent/ca.pem")
    with pytest.raises(ConfigurationError, match=rf"^{name} is '/nonexistent/ca\.pem'.* unset it"):
        make(KEY, api_url=SECURE)
    assert listed(make, wire.url) == []


@COLOURS
def test_a_file_without_certificates_is_named(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "log"))
    with pytest.raises(ConfigurationError, match=r"^SSL_CERT_FILE"):
        make(KEY, api_url=SECURE)
