"""Who may see a page: the mark of every handler, and what is checked before one is called."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from flux_dispatch.dashboard import forgery
from flux_dispatch.dashboard.cookies import session_token
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.account import Account
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.dashboard_session import DashboardSession
from flux_dispatch.domain.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

SESSION: Final = web.RequestKey("dashboard_session", DashboardSession)
"""Where a handler finds who looks: `request[SESSION]`."""

ACCOUNT: Final = web.RequestKey("dashboard_account", Account)
"""Where a handler finds the account whose page it is: `request[ACCOUNT]`; none on pages of no account."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a page needs of whoever looks: a scope; None is open to everybody.

    Some are for operators alone, and some are not for customers, who came by a portal link. One that stays open takes
    no place among the account's reads.
    """

    scope: Scope | None
    is_for_operators: bool = False
    is_for_customers: bool = True
    stays_open: bool = False


def page(
    scope: Scope, *, is_for_operators: bool = False, is_for_customers: bool = True, stays_open: bool = False
) -> Callable[[AnyHandler], AnyHandler]:
    """Mark a handler as a page that needs this scope."""
    return _marked(Needs(scope, is_for_operators, is_for_customers, stays_open))


def open_page(handler: AnyHandler) -> AnyHandler:
    """Mark a handler as open to everybody, signed in or not."""
    return _marked(Needs(None))(handler)


def needs_of(handler: object) -> Needs | None:
    """Return the mark of a handler; None if it has none, as what answers for a page that is not there."""
    return getattr(handler, "dashboard_needs", None)


async def admit(request: web.Request, handler: Handler) -> None:
    """Note in the request who looks and whose page it is, if they may; or raise.

    Raises:
        Unauthenticated: nobody is signed in, and somebody must be.
        Forbidden: they may not, or the request did not come from a page of ours.
        InvalidRequest: it is no form.
        NotFound: there is no such account for them.
    """
    if request.method not in SAFE_METHODS:
        forgery.check_origin(request)
        await _read_form(request)
    needs = needs_of(handler)
    token = session_token(request)
    session = await request.app[DEPENDENCIES].sessions.find(token) if token else None
    if session is not None:
        request[SESSION] = session
    if needs is None or needs.scope is None:
        return
    if session is None or token is None:
        raise Unauthenticated("You are not signed in, or your session is over.")
    if request.method not in SAFE_METHODS:
        await forgery.check_token(request, token)
    named = request.match_info.get("account")
    if named is not None:
        request[ACCOUNT] = await _account(request, session, named)
    if (needs.is_for_operators and not session.is_operator) or (session.is_customer and not needs.is_for_customers):
        raise NotFound("There is nothing at this address.")
    if not session.may(needs.scope):
        if session.is_customer:  # who came by a link has no key to speak of
            raise NotFound("There is nothing at this address.")
        raise Forbidden(f"You may not do this: the key that you signed in with lacks the scope {needs.scope}.")


async def _read_form(request: web.Request) -> None:
    """Read the form, which is there for whoever asks later, so that one place says what cannot be read."""
    try:
        await request.post()
    except (LookupError, ValueError, HttpProcessingError) as error:  # its charset, its bytes, or its parts are wrong
        raise InvalidRequest("This form could not be read. Open its page again, and send it from there.") from error


async def _account(request: web.Request, session: DashboardSession, named: str) -> Account:
    # another's account is not even looked for: how long that takes would tell whether it is there
    may_see = session.is_operator or session.account == named
    account = await request.app[DEPENDENCIES].accounts.get(named) if may_see else None
    if account is None or account.id != named:
        raise NotFound("There is nothing at this address.")
    return account


def _marked(needs: Needs) -> Callable[[AnyHandler], AnyHandler]:
    def mark(handler: AnyHandler) -> AnyHandler:
        handler.dashboard_needs = needs  # type: ignore[attr-defined]
        return handler

    return mark
