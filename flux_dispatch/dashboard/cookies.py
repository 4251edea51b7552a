"""The cookies of the dashboard: the session's, and which theme somebody chose."""

from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.dashboard_session import ABSOLUTE

THEMES: Final = ("light", "dark")
_THEME: Final = "flux-theme"
_YEAR_SECONDS: Final = 31_536_000


def session_token(request: web.Request) -> str | None:
    """Return the token of the session that the browser shows."""
    token = request.cookies.get(_secure_name())
    # over HTTPS the other name is not ours: any host beside this one could have set it
    return token if token or is_secure(request) else request.cookies.get(_plain_name(request))


def set_session(request: web.Request, response: web.Response, token: str, *, is_framed: bool) -> None:
    """Have the browser show this token from now on; `is_framed` where the pages stand inside another site's."""
    name = _secure_name() if is_secure(request) else _plain_name(request)
    kept = f"{name}={token}; Max-Age={round(ABSOLUTE.total_seconds())}"
    response.headers.add("Set-Cookie", f"{kept}; {_attributes(request, is_framed=is_framed)}")


def end_session(request: web.Request, response: web.Response, *, is_framed: bool) -> None:
    """Have the browser forget its session; `is_framed` as when it was set, or another cookie is forgotten."""
    response.del_cookie(_plain_name(request), httponly=True, samesite="Lax")
    if is_secure(request):
        forgotten = f"{_secure_name()}=; Max-Age=0"
        response.headers.add("Set-Cookie", f"{forgotten}; {_attributes(request, is_framed=is_framed)}")


def theme(request: web.Request) -> str | None:
    """Return the theme that was chosen here; None for that of the system."""
    chosen = request.cookies.get(_THEME)
    return chosen if chosen in THEMES else None


def set_theme(request: web.Request, response: web.Response, chosen: str, *, is_framed: bool) -> None:
    """Keep the theme that was chosen; what is no theme forgets it."""
    kept = f"{chosen}; Max-Age={_YEAR_SECONDS}" if chosen in THEMES else "; Max-Age=0"
    response.headers.add("Set-Cookie", f"{_THEME}={kept}; {_attributes(request, is_framed=is_framed)}")


def is_secure(request: web.Request) -> bool:
    """Say whether the browser came by HTTPS.

    A proxy before us may end it. What forms say of their origin stays, and the operator may have said where we are.
    """
    return (
        request.secure
        or request.headers.get("Origin", "").startswith("https://")
        or f"{request.app[DEPENDENCIES].public_url}/".startswith(f"https://{request.host}/")
    )


def _attributes(request: web.Request, *, is_framed: bool) -> str:
    # written by hand, because http.cookies knows Partitioned only since Python 3.14
    if is_framed and is_secure(request):  # without Secure no browser sends it inside another site's page
        return "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    return f"Path=/; {'Secure; ' if is_secure(request) else ''}HttpOnly; SameSite=Lax"


def _secure_name() -> str:
    return "__Host-flux-session"


def _plain_name(request: web.Request) -> str:
    # cookies do not tell ports apart, and two installations may run on one machine
    return f"flux-session-{request.url.port}"
