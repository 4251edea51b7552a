"""Who calls, as the audit log has them: the key of the request, its name, and from where it came."""

from aiohttp import web

from flux_dispatch.api.auth import API_KEY
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind
from flux_dispatch.web.client_address import client_address, user_agent
from flux_dispatch.web.request_id import REQUEST_ID


def caller_of(request: web.Request) -> Acting:
    """Return who calls; nobody, where there is no key that works."""
    key = request.get(API_KEY)
    return Acting(
        Actor(ActorKind.NOBODY) if key is None else key.actor,
        request[REQUEST_ID],
        client_address(request, request.app[DEPENDENCIES].trusted_proxies),
        user_agent(request),
    )
