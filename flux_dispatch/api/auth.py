"""Who asks, and whether they may: API keys, their scopes, and the account that a request acts for."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from aiohttp import web

from flux_dispatch.api.dependencies import Dependencies
from flux_dispatch.api.short_memory import ShortMemory
from flux_dispatch.domain.api_key import ApiKey, Scope, is_well_formed
from flux_dispatch.domain.errors import Forbidden, InvalidRequest, MalformedId, NotFound, Unauthenticated
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

CACHE_SECONDS: Final = 3.0
"""How long a key is trusted without asking the database: a revocation is felt within this."""

ACCOUNT: Final = web.RequestKey("account", AccountId)
"""Where a handler finds the account that the request acts for: `request[ACCOUNT]`."""


def requires_scope(scope: Scope) -> Callable[[AnyHandler], AnyHandler]:
    """Mark a handler as needing a key that covers this scope; without a mark it is open to everybody."""

    def mark(handler: AnyHandler) -> AnyHandler:
        handler.required_scope = scope  # type: ignore[attr-defined]
        return handler

    return mark


class Authenticator:
    """Checks keys, against a short memory of those seen lately."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._keys = ShortMemory[str, ApiKey](dependencies.api_keys.find, CACHE_SECONDS)
        self._accounts = ShortMemory[AccountId, AccountId](partial(_existing, dependencies.accounts), CACHE_SECONDS)

    async def authenticate(self, request: web.Request, scope: Scope) -> AccountId:
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


_NO_KEY = "No valid API key. Send the header Authorization: Bearer sk_live_…, with a key made by `flux keys create`."
