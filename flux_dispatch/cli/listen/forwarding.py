"""Makes a request of the local server, byte for byte, and returns what it answers, or why it does not."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from flux_dispatch.cli.listen.failures import CONNECT_SECONDS, why_failed
from flux_dispatch.cli.listen.headers import from_local, to_local
from flux_dispatch.cli.listen.local_resolver import LocalResolver
from flux_dispatch.cli.listen.local_url import LocalUrl
from flux_dispatch.cli.listen.options import ForwardOptions
from flux_dispatch.tunnel.frames import (
    FIRST_STATUS,
    LAST_STATUS,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Answer,
    Failed,
    Request,
)

_MOST_OF_A_LINE: Final = 65_536
_MOST_OF_THE_HEADERS: Final = MAX_HEAD_BYTES - 1024
_NOT_OF_OURS: Final = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
"""Headers that aiohttp would add; the local server gets those of the sender, and no others."""


class Forwarder:
    """Forwards what came to a public URL to a local one; a block's `async with` holds its connections."""

    def __init__(self, local: LocalUrl, public_url: str, options: ForwardOptions) -> None:
        self._local = local
        self._public_url = urlsplit(public_url)
        self._options = options

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # a connection for each request: a development server that restarts has closed those that were kept
            connector=aiohttp.TCPConnector(
                limit=0,
                force_close=True,
                resolver=LocalResolver(allow_remote=self._options.allow_remote),
                use_dns_cache=False,
                ssl=not self._options.skip_verify,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NOT_OF_OURS,
            timeout=aiohttp.ClientTimeout(total=self._options.seconds, sock_connect=CONNECT_SECONDS),
            requote_redirect_url=False,
            max_line_size=_MOST_OF_A_LINE,
            max_field_size=_MOST_OF_A_LINE,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def url_of(self, request: Request) -> str:
        """Return where a request goes to."""
        return self._local.url_for(request.path, request.query)

    async def forward(self, request: Request) -> Answer | Failed:
        """Return the local server's answer to a request; redirects are not followed."""
        if not self._local.holds(request.path):
            return Failed(request.id, "path_refused", f"The path leads out of {self._local.path}.")
        headers = to_local(
            request.headers,
            self._options.headers,
            host=self._local.authority,
            public_host=self._public_url.netloc,
            public_scheme=self._public_url.scheme,
        )
        url = URL(self.url_of(request), encoded=True)
        try:
            return await self._send(request, url, CIMultiDict(headers))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return self._failure(request, error)

    async def _send(self, request: Request, url: URL, headers: Mapping[str, str]) -> Answer | Failed:
        async with self._session.request(
            request.method, url, headers=headers, data=request.body or None, allow_redirects=False
        ) as response:
            if not FIRST_STATUS <= response.status <= LAST_STATUS:
                # as an answer it would end the connection to the server, again and again
                return self._no_answer(request, response.status)
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    return _too_large(request, "answer", MAX_BODY_BYTES)
            pairs = from_local(
                (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
                for name, value in response.raw_headers
            )
            if len(json.dumps(pairs)) > _MOST_OF_THE_HEADERS:
                return _too_large(request, "answer's head", MAX_HEAD_BYTES)
            return Answer(request.id, response.status, pairs, bytes(body))

    def _no_answer(self, request: Request, status: int) -> Failed:
        message = f"{self._local.origin} answers with the status {status}, which is of no answer."
        return Failed(request.id, "bad_answer", message)

    def _failure(self, request: Request, error: Exception) -> Failed:
        return Failed(request.id, *why_failed(error, self._local, self._options.seconds))


async def is_answering(local: LocalUrl) -> bool:
    """Say whether something listens there; takes five seconds at most."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(local.host, local.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def _too_large(request: Request, what: str, most: int) -> Failed:
    return Failed(request.id, "answer_too_large", f"The {what} is larger than {most // 1024} KiB.")
