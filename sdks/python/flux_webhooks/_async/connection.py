"""The connection to the API: sends one operation, again where that is safe, and returns what came of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from flux_webhooks import __version__
from flux_webhooks.checks import path_account
from flux_webhooks.errors import ConfigurationError, FluxError
from flux_webhooks.lazy_httpx import httpx
from flux_webhooks.operations import OPERATIONS
from flux_webhooks.responses import Answer, connection_error, cut_off, read_response, retry_after_of, timed_out
from flux_webhooks.retries import backoff_seconds, did_not_arrive, is_worth_repeating
from flux_webhooks.settings import Settings, checked_account

Whatever = TypeVar("Whatever")

USER_AGENT: Final = f"flux-webhooks-python/{__version__}"
FOR_ANY_ACCOUNT: Final = "accounts."
"""These operations are about accounts themselves, and act for none."""


class _Unanswered(Exception):
    """A try without a good answer: the error that it is, and whether to try again."""

    def __init__(self, error: FluxError, *, again: bool) -> None:
        super().__init__(error)
        self.error = error
        self.again = again


class AsyncConnection:
    """Sends operations with the key of these settings, over a pool of connections that all tasks share."""

    def __init__(self, settings: Settings, http_client: httpx.AsyncClient | None = None) -> None:
        self.settings = settings
        self._is_ours = http_client is None
        self._http = _new_client(settings.api_url) if http_client is None else _checked_client(http_client)

    async def send(
        self,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | str | None = None,
        account: str | None = None,
        idempotency_key: str | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Return the answer to an operation.

        Args:
            name: which operation.
            path: the values of what stands in braces in its path.
            query: its parameters; what is None is left out.
            body: an object, or its JSON as text.
            account: the account to act for; that of the client unless given.
            idempotency_key: makes publishing twice one event.
            repeatable: whether this very request comes to the same when it is sent twice, where that depends on it.

        Raises:
            FluxError: as the errors module says.
        """
        operation = OPERATIONS[name]
        request = self._request(
            operation.method,
            operation.path.format_map({name: quote(each, "") for name, each in (path or {}).items()}),
            {name: each for name, each in (query or {}).items() if each is not None},
            body if body is None or isinstance(body, str) else json.dumps(body),
            {**self._acts_for(name, account), "Idempotency-Key": idempotency_key},
        )
        is_repeatable = operation.repeatable if repeatable is None else repeatable
        return await self._try(request, self._send_once, repeatable=is_repeatable)

    async def stream(
        self, name: str, *, query: Mapping[str, Any] | None = None, account: str | None = None
    ) -> AsyncIterator[bytes]:
        """Return the pieces of an answer that may be of any length, when it has begun.

        Raises:
            FluxError: as the errors module says; also when the pieces end before their time.
        """
        operation = OPERATIONS[name]
        asked = {name: each for name, each in (query or {}).items() if each is not None}
        headers = {**self._acts_for(name, account), "Accept": None}
        request = self._request(operation.method, operation.path, asked, None, headers)
        response = await self._try(request, self._begin_once, repeatable=operation.repeatable)
        return self._pieces(response)

    def acting_for(self, account: str) -> AsyncConnection:
        """Return this connection, for another account."""
        other = copy(self)
        other.settings = replace(self.settings, account=checked_account(account))
        return other

    async def close(self) -> None:
        """Close the connections, unless they are the caller's own."""
        if self._is_ours:
            await self._http.aclose()

    def _acts_for(self, name: str, account: str | None) -> dict[str, str | None]:
        acts_for = None if name.startswith(FOR_ANY_ACCOUNT) else self.settings.account if account is None else account
        return {"Flux-Account": None if acts_for is None else path_account(acts_for)}

    async def _try(
        self, request: httpx.Request, once: Callable[..., Awaitable[Whatever]], *, repeatable: bool
    ) -> Whatever:
        retries_made = 0
        while True:
            try:
                return await once(request, repeatable=repeatable)
            except _Unanswered as unanswered:
                error = unanswered.error
                wait = backoff_seconds(retries_made, retry_after_of(error))
                if not unanswered.again or retries_made >= self.settings.max_retries or wait is None:
                    raise error from unanswered.__cause__
            retries_made += 1
            await asyncio.sleep(wait)

    async def _send_once(self, request: httpx.Request, *, repeatable: bool) -> Answer:
        timeout = self.settings.timeout
        ends = time.monotonic() + timeout
        response = await self._begin(request, repeatable=repeatable)
        try:
            chunks = []
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                if time.monotonic() > ends:
                    raise _Unanswered(timed_out(timeout), again=repeatable)
            return read_response(response, b"".join(chunks))
        except httpx.RequestError as error:
            raise _Unanswered(cut_off(error, timeout, response), again=repeatable) from error
        except FluxError as error:
            again = is_worth_repeating(response.status_code, repeatable=repeatable)
            raise _Unanswered(error, again=again) from None
        finally:
            await response.aclose()

    async def _begin_once(self, request: httpx.Request, *, repeatable: bool) -> httpx.Response:
        """Return a good answer when its head is there; whoever gets it closes it."""
        response = await self._begin(request, repeatable=repeatable)
        if response.is_success:
            return response
        timeout = self.settings.timeout
        try:
            read_response(response, await response.aread())
        except httpx.RequestError as error:
            raise _Unanswered(cut_off(error, timeout, response), again=repeatable) from error
        except FluxError as error:
            again = is_worth_repeating(response.status_code, repeatable=repeatable)
            raise _Unanswered(error, again=again) from None
        finally:
            await response.aclose()
        raise AssertionError

    async def _begin(self, request: httpx.Request, *, repeatable: bool) -> httpx.Response:
        try:
            return await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        except httpx.RequestError as error:
            arrived = not (isinstance(error, httpx.TransportError) and did_not_arrive(error))
            again = repeatable or not arrived
            raise _Unanswered(connection_error(error, self.settings.timeout), again=again) from error

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.RequestError as error:
            raise cut_off(error, self.settings.timeout, response) from error
        finally:
            await response.aclose()

    def _request(
        self, method: str, path: str, query: Mapping[str, Any], body: str | None, more: Mapping[str, str | None]
    ) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {self.settings.api_key}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "Content-Type": None if body is None else "application/json",
            **more,
        }
        return self._http.build_request(
            method,
            f"{self.settings.api_url}{path}{'?' if query else ''}{urlencode(query)}",
            # the API reads them as UTF-8
            headers=httpx.Headers({name: value for name, value in headers.items() if value is not None}, "utf-8"),
            content=None if body is None else body.encode("ascii"),
            timeout=self.settings.timeout,
        )


def _checked_client(http_client: object) -> httpx.AsyncClient:
    if not isinstance(http_client, httpx.AsyncClient):
        raise ConfigurationError(f"http_client is an httpx.AsyncClient, not a {type(http_client).__name__}.")
    return http_client


def _new_client(api_url: str) -> httpx.AsyncClient:
    # it loads what httpx loads, too
    from flux_webhooks.environment import client_options

    return httpx.AsyncClient(**client_options(api_url))
