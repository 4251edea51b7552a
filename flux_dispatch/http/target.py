"""Where a POST goes: a stored URL, split once and never rewritten."""

import re
from functools import lru_cache
from ipaddress import ip_address

import yarl


class Target:
    """A webhook's URL as its POSTs need it.

    The path and query that go out are the text that was registered, byte for byte: receivers sign and compare them.
    `origin` is scheme, host and port, which connections are kept by; `place` is the same for aiohttp's connector.

    Args:
        url: in the form in which `domain.url` stores it.

    Raises:
        ValueError: it has another form.
    """

    __slots__ = ("origin", "place", "start")

    def __init__(self, url: str) -> None:
        match = _STORED.fullmatch(url)
        if match is None:
            message = "The webhook's URL is not one that could be registered; set it anew."
            raise ValueError(message)
        scheme, host, port = match["scheme"], match["host"], match["port"]
        self.origin = url[: match.end("authority")]
        self.place = yarl.URL.build(scheme=scheme, host=host.strip("[]"), port=int(port) if port else None)
        if not _is_same_host(self.place.raw_host or "", host.strip("[]")):
            message = "The webhook's host can be read in two ways; set it anew."
            raise ValueError(message)
        # read as bytes by the receiver: the authority goes into Host with its port and brackets
        self.start = f"POST {match['target'] or '/'} HTTP/1.1\r\nHost: {match['authority']}\r\n"


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Return the target of a stored URL.

    Raises:
        ValueError: it has not the form in which URLs are stored.
    """
    return Target(url)


def _is_same_host(read: str, written: str) -> bool:
    return read == written or (":" in written and ip_address(read) == ip_address(written))


_STORED = re.compile(
    r"""
    (?P<scheme>https?)://
    (?P<authority>(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?)
    (?P<target>/[\x21\x22\x24-\x7e]*)?
    """,
    re.VERBOSE | re.ASCII,
)
