"""The sender: one signed POST over aiohttp's connections, whose every fate is an outcome."""

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from types import TracebackType
from typing import Final, Self

from aiohttp.abc import AbstractResolver
from aiohttp.resolver import AsyncResolver

from flux_dispatch import __version__
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.outcome import Outcome, Rejected, Succeeded, Unsent
from flux_dispatch.domain.signing import sign_flux, sign_standard
from flux_dispatch.http.address_guard import AddressGuard
from flux_dispatch.http.client import PostClient, PostConnector
from flux_dispatch.http.deadline import SharedDeadline
from flux_dispatch.http.echo import without_secrets
from flux_dispatch.http.errors import fault
from flux_dispatch.http.limits import max_idle_connections
from flux_dispatch.http.response import Answer
from flux_dispatch.http.shortage import ShortageLog
from flux_dispatch.http.stopwatch import Stopwatch
from flux_dispatch.http.target import target_of
from flux_dispatch.http.tunnel_way import ANYWHERE, TunnelWay

USER_AGENT: Final = f"Flux-Dispatch/{__version__}"

MAX_IDLE_TO_TUNNEL: Final = 64

DNS_CACHE_SECONDS: Final = 10
DNS_TRY_SECONDS: Final = 1.5
DNS_TRIES: Final = 2
"""The second try waits twice as long: a dead DNS server costs 4.5 s."""


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """What bounds a POST: `timeout_seconds` from connecting to the last byte read."""

    timeout_seconds: float = 15


class AiohttpSender:
    """POSTs deliveries over connections that it keeps; use it as a context manager.

    Nothing of the environment is used (proxies, .netrc), no cookie is kept, no redirect followed, nothing decompressed.
    `resolver` is what turns names into addresses; by default the system's name servers, asked for at most 4.5 s.
    `tunnel` is where what goes to listen sessions is POSTed to; the policy does not hold there.
    """

    def __init__(
        self,
        limits: SenderLimits,
        policy: AddressPolicy,
        resolver: AbstractResolver | None = None,
        tunnel: TunnelWay | None = None,
    ) -> None:
        self._limits = limits
        self._policy = policy
        self._resolver = resolver
        self._tunnel = tunnel or TunnelWay()

    async def __aenter__(self) -> Self:
        self._limit = SharedDeadline(self._limits.timeout_seconds)
        self._shortage = ShortageLog()
        self._client = PostClient(self._connector(self._policy), max_idle_connections())
        self._tunnel_client = PostClient(self._connector(ANYWHERE), MAX_IDLE_TO_TUNNEL)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()
        await self._tunnel_client.close()

    def _connector(self, policy: AddressPolicy) -> PostConnector:
        return PostConnector(
            limit=0,  # the bulkhead above limits
            ttl_dns_cache=DNS_CACHE_SECONDS,
            resolver=self._resolver or AsyncResolver(timeout=DNS_TRY_SECONDS, tries=DNS_TRIES),
            socket_factory=AddressGuard(policy),
        )

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
        """POST one delivery, signed with this time (unix seconds); whatever happens is returned, never raised."""
        started = time.monotonic()
        answer, watch = Answer(), Stopwatch()
        limit = self._limit.start()
        try:
            with limit:
                client, url = self._way_of(claim)
                await client.post(target_of(url), _headers(claim, timestamp), claim.body, answer, watch)
        except Exception as error:  # noqa: BLE001 - aiohttp leaks more kinds than it documents; each is a failed attempt
            if not (isinstance(error, TimeoutError) and answer.is_decided):
                return self._failed(error, watch)
            answer.stop("its body did not end in time")
        finally:
            limit.stop()
        return _outcome(answer, claim, timestamp + time.monotonic() - started, watch)

    def _way_of(self, claim: Claim) -> tuple[PostClient, str]:
        if claim.is_listen and (url := self._tunnel.url_of(claim)):
            return self._tunnel_client, url
        return self._client, claim.url

    def _failed(self, error: Exception, watch: Stopwatch) -> Outcome | Unsent:
        outcome = fault(error)
        if isinstance(outcome, Unsent):
            self._shortage.note(outcome.detail)
            return outcome
        return replace(outcome, phases=watch.phases())


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


def _outcome(answer: Answer, claim: Claim, now: float, watch: Stopwatch) -> Outcome:
    hide = partial(without_secrets, claim=claim)
    if answer.is_success:
        return Succeeded(answer.status, answer.excerpt(hide), watch.phases_of_success())
    retry_after_seconds = _retry_after_seconds(answer.asked_delay(), now)
    return Rejected(answer.status, answer.excerpt(hide), retry_after_seconds, answer.headers(hide), watch.phases())


def _retry_after_seconds(asked: str, now: float) -> float | None:
    """Return what a Retry-After asks for, if it makes sense; a date counts from now, which is the database's time."""
    if not asked:
        return None
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        instant = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return None
    # a date without a zone, as the oldest form of HTTP has it, means GMT (RFC 9110, 5.6.7)
    seconds = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() - now
    return seconds if seconds > 0 else None


_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
