"""Who is at a page, as the audit log has them: whoever is signed in, by which request, and from where it came."""

from aiohttp import web

from flux_dispatch.dashboard.admission import SESSION
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind
from flux_dispatch.web.client_address import client_address, user_agent
from flux_dispatch.web.request_id import REQUEST_ID


def visitor_of(request: web.Request) -> Acting:
    """Return who is at a page; nobody, where nobody is signed in."""
    session = request.get(SESSION)
    return Acting(
        Actor(ActorKind.NOBODY) if session is None else session.actor,
        request.get(REQUEST_ID),
        client_address(request, request.app[DEPENDENCIES].trusted_proxies),
        user_agent(request),
    )
