"""Who asks, and whether they may: API keys, their scopes, and the account that a request acts for."""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, TypeVar

from aiohttp import web

from flux_dispatch.api.dependencies import Dependencies
from flux_dispatch.api.key_use import KeyUse
from flux_dispatch.domain.account import EXTERNAL, Account
from flux_dispatch.domain.api_key import ApiKey, Scope, is_well_formed
from flux_dispatch.domain.errors import Forbidden, InvalidRequest, NotFound, PlatformKeyNeeded, Unauthenticated
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.short_memory import ShortMemory

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

CACHE_SECONDS: Final = 3.0
"""How long a key is trusted without asking the database: a revocation is felt within this."""


class ActsFor(Enum):
    """For whom a call may be made."""

    ACCOUNT = auto()
    """An account: the key's, or the one that a platform key names."""

    PLATFORM = auto()
    """The platform: the call is about accounts themselves, and takes a platform key."""

    EITHER = auto()
    """An account, as above, or the platform where its key names none."""


ACCOUNT: Final = web.RequestKey("account", AccountId)
"""Where a handler finds the account that the request acts for: `request[ACCOUNT]`; none where it is the platform."""

API_KEY: Final = web.RequestKey("api_key", ApiKey)
"""Where a handler finds the key that the request came with."""

PLATFORM: Final = AccountId("platform")
"""In the place of an account, where a list is the platform's own."""


def requires_scope(scope: Scope, acts_for: ActsFor = ActsFor.ACCOUNT) -> Callable[[AnyHandler], AnyHandler]:
    """Mark a handler as needing a key that covers this scope; without a mark it is open to everybody."""

    def mark(handler: AnyHandler) -> AnyHandler:
        handler.required_scope = scope  # type: ignore[attr-defined]
        handler.acts_for = acts_for  # type: ignore[attr-defined]
        return handler

    return mark


def reads_much(handler: AnyHandler) -> AnyHandler:
    """Have a handler that is no read by its scope take a place among the account's reads all the same."""
    handler.reads_much = True  # type: ignore[attr-defined]
    return handler


class Authenticator:
    """Checks keys, against a short memory of those seen lately."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._api_keys = dependencies.api_keys
        self._use = KeyUse(dependencies.api_keys.note_use)
        self._keys = ShortMemory[str, ApiKey](self._look_up, CACHE_SECONDS)
        self._find_account = dependencies.accounts.get
        self._accounts = ShortMemory[str, Account](self._find_account, CACHE_SECONDS)

    async def authenticate(self, request: web.Request, scope: Scope, acts_for: ActsFor) -> None:
        """Note in the request its key, and the account that it acts for.

        Raises:
            Unauthenticated: no key, not a key, or one that does not work (any more).
            Forbidden: the key's scopes do not cover the call, or it is no platform key where one is needed.
            InvalidRequest: a platform key came without Flux-Account.
            NotFound: the account that Flux-Account names is not there for this key.
        """
        request[API_KEY] = key = await self._key_of(request)
        if acts_for is ActsFor.PLATFORM and key.account is not None:
            raise PlatformKeyNeeded(_PLATFORM_ONLY)
        if not key.may(scope):
            raise Forbidden(f"This API key lacks the scope {scope}.")
        if acts_for is ActsFor.PLATFORM:
            return
        named = request.headers.getall("Flux-Account", None)
        # two lines are one (RFC 9110, 5.3), which names nobody: whichever counted might not be the one that is meant
        whom = None if named is None else ", ".join(named)
        account = await self.account_of(key, whom, is_quick=scope is Scope.EVENTS_WRITE)
        if account is not None:
            request[ACCOUNT] = account
        elif acts_for is ActsFor.ACCOUNT:
            message = "A platform key acts for an account: name it in the header Flux-Account."
            raise InvalidRequest(message, param="Flux-Account", code="account_missing")

    async def account_of(self, key: ApiKey, named: str | None, *, is_quick: bool = False) -> AccountId | None:
        """Return the account that the key acts for where this one is named; None for a platform key that names none.

        What an external id names is asked of the database, for it may name another account since it was last asked for,
        whose secrets and pages would be shown; who publishes is quick, and trusts the memory.

        Raises:
            NotFound: there is none of this name, or it is not the key's.
        """
        if named is None or named == key.account:
            return key.account
        if key.account is not None:
            # another account is not even looked for: how long that takes would tell whether it is there
            own = await self._accounts.get(key.account) if named.startswith(EXTERNAL) else None
            is_there = own is not None and own.external_id == named.removeprefix(EXTERNAL)
            account = key.account if is_there else None
        else:
            find = self._accounts.get if is_quick or not named.startswith(EXTERNAL) else self._find_account
            found = await find(named)
            account = found.id if found else None
        if account is None:
            raise NotFound(f"There is no account {named}.")
        return account

    def forget_key(self, key_id: str) -> None:
        """Ask the database about this key before it is trusted again: it was revoked here."""
        self._keys.forget(lambda key: key.id == key_id)

    def forget_account(self, account: AccountId) -> None:
        """Ask the database about this account, and its keys, before they are trusted again: it was changed here."""
        self._keys.forget(lambda key: key.account == account)
        self._accounts.forget(lambda known: known.id == account)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._use.close()

    async def _look_up(self, text: str) -> ApiKey | None:
        key = await self._api_keys.find(text)
        if key is not None:
            self._use.note(key)
        return key

    async def _key_of(self, request: web.Request) -> ApiKey:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        text = text.lstrip(" ")  # there may be several (RFC 9110, 11.4)
        if scheme.lower() != "bearer":
            raise Unauthenticated(_NO_KEY)
        key = await self._keys.get(text) if is_well_formed(text) else None
        if key is None:
            raise Unauthenticated(_NO_KEY)
        return key


AUTHENTICATOR: Final = web.AppKey("authenticator", Authenticator)
"""Where a handler finds it: `request.app[AUTHENTICATOR]`."""

_NO_KEY = "No valid API key. Send the header Authorization: Bearer sk_live_…, with a key made by `flux keys create`."
_PLATFORM_ONLY = "This takes a platform key, made by `flux keys create --platform`; this key belongs to an account."
