"""The sender: one signed POST with aiohttp, whose every fate is an outcome."""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import AsyncResolver

from flux_dispatch import __version__
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.outcome import Accepted, ErrorClass, Outcome, Refused, Unanswered
from flux_dispatch.domain.signing import sign_flux, sign_standard
from flux_dispatch.http.answer import read_excerpt, retry_after_seconds
from flux_dispatch.http.client import PostClient
from flux_dispatch.http.faults import unanswered
from flux_dispatch.http.guard import Guard
from flux_dispatch.http.time_limit import Running, TimeLimit

USER_AGENT: Final = f"Flux-Dispatch/{__version__}"

KEEP_ALIVE_SECONDS: Final = 4
"""Shorter than what common servers keep an idle connection (Node: 5 s): a POST on one that the server just closed would
be lost, and must not be repeated by itself."""

DNS_CACHE_SECONDS: Final = 10
DNS_TRY_SECONDS: Final = 1.5
DNS_TRIES: Final = 2
"""The second try waits twice as long: a dead DNS server costs 4.5 s."""

HIGHEST_STATUS: Final = 599


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """What bounds a POST: `timeout_seconds` from connecting to the last byte read."""

    timeout_seconds: float = 15


class AiohttpSender:
    """POSTs deliveries over connections that it keeps; use it as a context manager.

    Nothing of the environment is used (proxies, .netrc), no cookie is kept, no redirect followed, nothing decompressed.
    `resolver` is what turns names into addresses; by default the system's name servers, asked for at most 4.5 s.
    """

    def __init__(self, limits: SenderLimits, policy: AddressPolicy, resolver: AbstractResolver | None = None) -> None:
        self._limits = limits
        self._policy = policy
        self._resolver = resolver

    async def __aenter__(self) -> Self:
        self._limit = TimeLimit(self._limits.timeout_seconds)
        connector = aiohttp.TCPConnector(
            limit=0,  # the bulkhead above limits
            ttl_dns_cache=DNS_CACHE_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            resolver=self._resolver or AsyncResolver(timeout=DNS_TRY_SECONDS, tries=DNS_TRIES),
            socket_factory=Guard(self._policy),
        )
        self._client = PostClient(connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def send(self, claim: Claim, timestamp: int) -> Outcome:
        """POST one delivery, signed with this time (unix seconds); whatever happens is an outcome, never an error."""
        limit = self._limit.start()
        try:
            with limit:
                response = await self._client.post(_parsed(claim.url), _headers(claim, timestamp), claim.body)
            try:
                return await _outcome(response, limit)
            finally:
                response.release()
        except Exception as error:  # noqa: BLE001 - aiohttp leaks more kinds than it documents; each is a failed attempt
            return unanswered(error)
        finally:
            limit.stop()


def _headers(claim: Claim, timestamp: int) -> dict[str, str]:
    body = claim.body
    return {
        **claim.headers,
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "flux-signature": sign_flux(claim.secrets, timestamp, body),
        "webhook-id": claim.event,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign_standard(claim.secrets, claim.event, timestamp, body),
        "flux-delivery": claim.delivery,
        "flux-attempt": str(claim.attempt),
    }


async def _outcome(response: aiohttp.ClientResponse, limit: Running) -> Outcome:
    status = response.status
    if not HTTPStatus.CONTINUE <= status <= HIGHEST_STATUS:
        response.close()
        return Unanswered(ErrorClass.BAD_RESPONSE, f"The status {status} is not one of HTTP.")
    excerpt = await read_excerpt(response, limit)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted(status, excerpt)
    return Refused(status, excerpt, retry_after_seconds(response))


@lru_cache(maxsize=4096)
def _parsed(url: str) -> yarl.URL:
    return yarl.URL(url)
