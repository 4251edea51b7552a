"""The gate that every request passes: an id for it, who asks, whether they may, and one form for what goes wrong."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from flux_dispatch.api.envelope import answer, from_http, new_request_id
from flux_dispatch.api.parts import ApiParts
from flux_dispatch.api.read_limit import ReadLimit
from flux_dispatch.api.short_memory import ShortMemory
from flux_dispatch.domain.api_key import ApiKey, Scope, is_well_formed
from flux_dispatch.domain.errors import (
    FluxError,
    Forbidden,
    InternalError,
    InvalidRequest,
    MalformedId,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

CACHE_SECONDS: Final = 3.0
"""How long a key is trusted without asking the database: a revocation is felt within this."""

ACCOUNT: Final = web.RequestKey("account", AccountId)
"""Where a handler finds the account that the request acts for: `request[ACCOUNT]`."""

log = structlog.get_logger("flux.api")


def needs(scope: Scope) -> Callable[[AnyHandler], AnyHandler]:
    """Mark a handler as needing a key that covers this scope; without a mark it is open to everybody."""

    def mark(handler: AnyHandler) -> AnyHandler:
        handler.needs_scope = scope  # type: ignore[attr-defined]
        return handler

    return mark


class Gate:
    """Checks keys, against a short memory of those seen lately."""

    def __init__(self, parts: ApiParts) -> None:
        self._keys = ShortMemory[str, ApiKey](parts.keys.find, CACHE_SECONDS)
        self._accounts = ShortMemory[AccountId, AccountId](partial(_existing, parts.accounts), CACHE_SECONDS)

    async def account_of(self, request: web.Request, scope: Scope) -> AccountId:
        """Return the account that the request acts for.

        Raises:
            Unauthenticated: no key, not a key, or one that does not work (any more).
            Forbidden: the key's scopes do not cover the call.
            InvalidRequest: a platform key came without Flux-Account.
            NotFound: the account that Flux-Account names is not there for this key.
        """
        key = await self._key_of(request)
        if not key.may(scope):
            raise Forbidden(f"This API key lacks the scope {scope}.")
        named = request.headers.get("Flux-Account")
        if key.account is not None:
            if named not in {None, key.account}:
                raise NotFound(f"There is no account {named}.")
            return key.account
        if named is None:
            message = "A platform key acts for an account: name it in the header Flux-Account."
            raise InvalidRequest(message, param="Flux-Account", code="account_missing")
        account = await self._accounts.get(AccountId(named))
        if account is None:
            raise NotFound(f"There is no account {named}.")
        return account

    async def _key_of(self, request: web.Request) -> ApiKey:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated(_NO_KEY)
        key = await self._keys.get(text) if is_well_formed(text) else None
        if key is None:
            raise Unauthenticated(_NO_KEY)
        return key


async def _existing(accounts: AccountStore, account: AccountId) -> AccountId | None:
    try:
        return account if await accounts.exists(account) else None
    except MalformedId:
        return None


class Troubles:
    """Logs why requests cannot be served: at most once a second, for they come by the thousand."""

    def __init__(self) -> None:
        self._quiet_until = 0.0
        self._unlogged = 0

    def note(self, error: Unavailable, request_id: str) -> None:
        """Log it, or count it for the next line."""
        now = time.monotonic()
        if now < self._quiet_until:
            self._unlogged += 1
            return
        log.warning("request.unavailable", request_id=request_id, cause=error.cause, others_before=self._unlogged)
        self._quiet_until, self._unlogged = now + 1, 0


def make_gate(parts: ApiParts) -> Middleware:
    """Return the middleware."""
    gate = Gate(parts)
    read_limit = ReadLimit()
    troubles = Troubles()

    @web.middleware
    async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = new_request_id()
        try:
            scope = getattr(handler, "needs_scope", None)
            if scope is not None:
                request[ACCOUNT] = await gate.account_of(request, scope)
            if scope is Scope.READ:
                async with read_limit.place(request[ACCOUNT]):
                    response = await handler(request)
            else:
                response = await handler(request)
        except FluxError as error:
            if isinstance(error, Unavailable):
                troubles.note(error, request_id)
            response = answer(error, request_id)
        except web.HTTPException as error:
            response = answer(from_http(error), request_id)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except Exception:
            log.exception("request.failed", request_id=request_id, method=request.method, path=request.path)
            response = answer(InternalError(f"Something broke on our side; it is logged as {request_id}."), request_id)
        response.headers["X-Request-Id"] = request_id
        return response

    return pass_gate


_NO_KEY = "No valid API key. Send the header Authorization: Bearer sk_live_…, with a key made by `flux keys create`."
