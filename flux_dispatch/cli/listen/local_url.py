"""Where requests are forwarded to: how it may be written, and which URL a request's path and query make of it."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

MAX_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_THIS_MACHINE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where servers listen, not where one connects
_HOST: Final = re.compile(r"[\w.-]+")
_AS_WRITTEN: Final = "/%!$&'()*+,;=:@~?-._"
"""What stays as it is in a path or query; the rest, like spaces and umlauts, is escaped."""

_TIMES_ESCAPED: Final = 3
"""As often as the frameworks before a route may unescape a path, one after the other."""


class NoLocalUrl(ValueError):
    """The text names nothing that can be forwarded to; the message says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class LocalUrl:
    """A local URL in its parts; `path` is empty or has its first slash, `query` has no question mark."""

    scheme: str
    host: str
    port: int
    path: str = ""
    query: str = ""

    @property
    def origin(self) -> str:
        """The URL without its path, with the port where it is not the usual one."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as the header Host names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.url_for("", "")

    def url_for(self, path: str, query: str) -> str:
        """Return the URL for what follows the public URL's token, byte for byte."""
        before = self.path.removesuffix("/") if path.startswith("/") else self.path
        whole_query = "&".join(each for each in (self.query, query) if each)
        return f"{self.origin}{before + path or '/'}{'?' if whole_query else ''}{whole_query}"

    def holds(self, path: str) -> bool:
        """Say whether such a path stays below that of this one: `/../admin` does not, however it is escaped."""
        if not self.path.strip("/"):
            return True
        readable = path
        for _ in range(_TIMES_ESCAPED):
            readable = unquote(readable)
        return ".." not in re.split(r"[/\\]", readable.replace(";", "/"))


def parse_local_url(text: str) -> LocalUrl:
    """Return the URL that `3000`, `localhost:3000/hooks`, `http://…` or `https://…` means.

    A server that listens on all addresses (0.0.0.0) is reached at loopback.

    Raises:
        NoLocalUrl: it means none.
    """
    written = text.strip()
    if re.fullmatch(r":?\d+(?:[/?].*)?", written):
        written = f"localhost:{written.removeprefix(':')}"
    if "://" not in written:
        written = f"http://{written}"
    if not written.isprintable() or " " in written:
        raise NoLocalUrl("It holds white space. Write it like localhost:3000/webhooks/flux.")
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        raise NoLocalUrl(f"The port is a number from 1 to {MAX_PORT}, as in localhost:3000.") from None
    _check(parts, port, text)
    host = str(parts.hostname)
    return LocalUrl(
        scheme=parts.scheme,
        host=_THIS_MACHINE.get(host, host),
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=quote(parts.path, _AS_WRITTEN),
        query=quote(parts.query, _AS_WRITTEN),
    )


def _check(parts: SplitResult, port: int | None, text: str) -> None:
    if parts.scheme not in _DEFAULT_PORTS:
        raise NoLocalUrl(f"It begins with http:// or https://, not {parts.scheme[:20]}://.")
    if not parts.hostname:
        raise NoLocalUrl(
            f"It names no server. Write the port, too: localhost:3000{text if text.startswith('/') else ''}."
        )
    if parts.username is not None:
        raise NoLocalUrl("It holds a user name or password. Give them as --header 'Authorization: Basic …'.")
    if port == 0:
        raise NoLocalUrl(f"The port is a number from 1 to {MAX_PORT}, as in localhost:3000.")
    if parts.fragment:
        raise NoLocalUrl("It has a fragment (#…), which no server is sent. Leave that out.")
    if ":" not in parts.hostname and not _HOST.fullmatch(parts.hostname):
        raise NoLocalUrl(f"{parts.hostname[:60]!r} is no name of a host. Write it like localhost:3000/webhooks/flux.")
