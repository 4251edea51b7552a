"""/dashboard/sign-in: signing in with a key or by a link, and out again; and what is chosen for the browser alone."""

import re
from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard import cookies
from flux_dispatch.dashboard.admission import SESSION, open_page, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.middleware import is_framed
from flux_dispatch.dashboard.refused_sign_ins import REFUSED_SIGN_INS
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope, is_well_formed
from flux_dispatch.domain.audit_entry import Actor, ActorKind
from flux_dispatch.domain.dashboard_session import DashboardSession, SignInRefusal
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.store.acting import acting_with
from flux_dispatch.web.accent import accent_css

routes = web.RouteTableDef()

_NO_KEY = "This is no API key that works: check that it is whole, and neither revoked nor expired."
_NO_SCOPE = "This key lacks the scope read, which the dashboard needs. Sign in with another key."
_USED = (
    "This link was used already, or its time is over: each signs in once. Open the page that led you here again for "
    "a new one, or restart flux up."
)


@routes.get("/")
@page(Scope.READ)
async def show_start(request: web.Request) -> web.Response:
    """Lead to the first page of whoever looks."""
    session = request[SESSION]
    if session.account is not None:
        return go_to(request, _home(session))
    first = await request.app[DEPENDENCIES].accounts.first()
    return go_to(request, f"{ROOT}/{first}/" if first else f"{ROOT}/accounts")


@routes.get("/sign-in")
@open_page
async def show_sign_in(request: web.Request) -> web.Response:
    """Ask for a key."""
    if SESSION in request:
        return go_to(request, f"{ROOT}/")
    return _sign_in_page(request, request.query.get("next", ""))


@routes.post("/sign-in")
@open_page
async def sign_in_by_key(request: web.Request) -> web.Response:
    """Sign in with a key."""
    form = await request.post()
    text, target = str(form.get("key", "")).strip(), str(form.get("next", ""))
    dependencies = request.app[DEPENDENCIES]
    key = await dependencies.api_keys.find(text) if is_well_formed(text) else None
    if key is None or not key.may(Scope.READ):
        await _note_refused_key(request, text)
        error = InvalidRequest(_NO_SCOPE if key else _NO_KEY, param="key")
        return _sign_in_page(request, target, error)
    token, session = await dependencies.sessions.sign_in_by_key(key)
    return await _signed_in(request, token, session, target)


@routes.get("/sign-in/{token}")
@open_page
async def show_link(request: web.Request) -> web.Response:
    """Show what uses the link: following it does not, for programs that look at mails follow links, too."""
    return render(request, "sign_in.html", link=True, next="", error=None)


@routes.post("/sign-in/{token}")
@open_page
async def sign_in_by_link(request: web.Request) -> web.Response:
    """Use the link."""
    token, sessions = request.match_info["token"], request.app[DEPENDENCIES].sessions
    made = await sessions.sign_in_by_link(token)
    if made is None:
        reason, account = await sessions.why_not(token)
        await request.app[REFUSED_SIGN_INS].note(account, reason)
        raise NotFound(_USED)
    return await _signed_in(request, *made)


@routes.post("/sign-out")
@open_page
async def sign_out(request: web.Request) -> web.Response:
    """End the session."""
    if token := cookies.session_token(request):
        await request.app[DEPENDENCIES].sessions.end(token)
    response = go_to(request, f"{ROOT}/sign-in", done="signed_out")
    cookies.end_session(request, response, is_framed=_stands_in_a_frame(request, request.get(SESSION)))
    return response


@routes.get("/accent.css")
@open_page
async def get_accent(request: web.Request) -> web.Response:
    """Answer the stylesheet that has the accent of the company whose customers come here."""
    accent = request.app[DEPENDENCIES].appearance.accent
    if accent is None:
        raise web.HTTPNotFound
    return web.Response(text=accent_css(accent), content_type="text/css", headers={"Cache-Control": "max-age=300"})


@routes.post("/theme")
@open_page
async def choose_theme(request: web.Request) -> web.Response:
    """Keep the theme that was chosen."""
    form = await request.post()
    response = go_to(request, _inside(str(form.get("next", ""))) or f"{ROOT}/")
    is_framed = _stands_in_a_frame(request, request.get(SESSION))
    cookies.set_theme(request, response, str(form.get("theme", "")), is_framed=is_framed)
    return response


def _sign_in_page(request: web.Request, target: str, error: InvalidRequest | None = None) -> web.Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return render(request, "sign_in.html", status=status, link=False, next=_inside(target) or "", error=error)


async def _note_refused_key(request: web.Request, text: str) -> None:
    """Have it told that a key does not sign in: of one that was once good, whose it was, and never the text."""
    key = await request.app[DEPENDENCIES].api_keys.find_ended(text) if is_well_formed(text) else None
    refused = request.app[REFUSED_SIGN_INS]
    if key is None:
        await refused.note(None, SignInRefusal.UNKNOWN_KEY)
        return
    reason = SignInRefusal.REVOKED_KEY if key.revoked_at else SignInRefusal.EXPIRED_KEY
    with acting_with(Actor(ActorKind.NOBODY, api_key=key.id, name=key.label)):
        await refused.note(key.account, reason if key.may(Scope.READ) else SignInRefusal.KEY_LACKS_READ)


async def _signed_in(request: web.Request, token: str, session: DashboardSession, target: str = "") -> web.Response:
    if before := cookies.session_token(request):  # its cookie is taken over, so nobody could end it any more
        await request.app[DEPENDENCIES].sessions.end(before)
    response = go_to(request, _inside(target) or _home(session))
    cookies.set_session(request, response, token, is_framed=_stands_in_a_frame(request, session))
    return response


def _stands_in_a_frame(request: web.Request, session: DashboardSession | None) -> bool:
    """Say whether the pages of this session may stand inside another site's, where other cookies are sent."""
    return session is not None and session.is_customer and is_framed(request)


def _home(session: DashboardSession) -> str:
    if session.account is None:
        return f"{ROOT}/"
    return f"{ROOT}/{session.account}/{'webhooks' if session.is_customer else ''}"


def _inside(target: str) -> str | None:
    """Return a path of the dashboard; None for an address elsewhere, to which nobody is led."""
    is_plain = target.isascii() and target.isprintable() and "\\" not in target
    steps = re.split("[?#]", target)[0].lower().replace("%2e", ".").split("/")
    leads_out = bool({".", ".."} & set(steps))  # a browser follows them before it asks
    return target if is_plain and target.startswith(f"{ROOT}/") and not leads_out else None
