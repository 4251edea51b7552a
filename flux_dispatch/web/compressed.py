"""Content that is answered again and again: compressed once, and sent as each client can take it."""

import gzip
from collections.abc import Mapping

from aiohttp import web

_TEXT = ("text/", "image/svg")


class Compressed:
    """Bytes of one media type, plain and as gzip."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._plain = content
        self._gzip = gzip.compress(content, mtime=0)
        self._media_type = f"{media_type}; charset=utf-8" if media_type.startswith(_TEXT) else media_type

    def response(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """Return the answer that carries it."""
        sent = {
            "Content-Type": self._media_type,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }
        if not _takes_gzip(request.headers.get("Accept-Encoding", "")):
            return web.Response(body=self._plain, headers=sent)
        return web.Response(body=self._gzip, headers={**sent, "Content-Encoding": "gzip"})


def _takes_gzip(codings: str) -> bool:
    """Say whether gzip is among what is accepted, and not with a weight of nothing."""
    for each in codings.lower().split(","):
        name, _, weight = each.replace(" ", "").partition(";")
        if name == "gzip":
            return not weight or weight.removeprefix("q=").strip("0.") != ""
    return False
