"""/v1/events/{id}/resend: an event goes again to those that want it, or to one webhook."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import read_optional_body
from flux_dispatch.api.routes.deliveries import serialize
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, MalformedId
from flux_dispatch.domain.ids import EventId, Prefix, WebhookId, parse_id

routes = web.RouteTableDef()

MAX_LISTED: Final = 100
"""How many deliveries the answer lists; there may be as many as the account has webhooks."""


class ResendBody(BaseModel):
    """POST /v1/events/{id}/resend."""

    model_config = ConfigDict(extra="forbid", strict=True)

    webhook: str | None = None


@routes.post("/v1/events/{id}/resend")
@requires_scope(Scope.EVENTS_WRITE)
async def resend_event(request: web.Request) -> web.Response:
    """Send an event again: 202 with its deliveries as they stand then, one for each webhook."""
    event = EventId(path_id(request, Prefix.EVENT))
    body = await read_optional_body(request, ResendBody)
    account, dependencies = request[ACCOUNT], request.app[DEPENDENCIES]
    resent = await dependencies.resend(account, event, _webhook(body.webhook))
    listed = await dependencies.delivery_queries.several(account, resent[:MAX_LISTED])
    answer = {
        "object": "list",
        "data": [serialize(each) for each in listed],
        "has_more": len(resent) > MAX_LISTED,
        "total": len(resent),
    }
    return web.json_response(answer, status=HTTPStatus.ACCEPTED)


def _webhook(text: str | None) -> WebhookId | None:
    if text is None:
        return None
    try:
        parse_id(Prefix.WEBHOOK, text)
    except MalformedId as error:
        raise InvalidRequest(error.message, param="webhook") from None
    return WebhookId(text)
