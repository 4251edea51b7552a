"""/v1/events/{id}/resend: an event goes again to those that want it, or to one webhook."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, id_field
from flux_dispatch.api.openapi.operation import BodyKind, id_in_path, operation
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import read_optional_body
from flux_dispatch.api.routes.deliveries import DeliveryResource, serialize
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, MalformedId
from flux_dispatch.domain.ids import EventId, Prefix, WebhookId, parse_id

routes = web.RouteTableDef()

MAX_LISTED: Final = 100
"""How many deliveries the answer lists; there may be as many as the account has webhooks."""


class ResendBody(BaseModel):
    """POST /v1/events/{id}/resend."""

    model_config = ConfigDict(extra="forbid", strict=True)

    webhook: Annotated[str | None, id_field(Prefix.WEBHOOK, "The only one to send it to.")] = None


class ResentResource(TypedDict):
    """The deliveries of an event that is sent again, one for each webhook."""

    object: Literal["list"]
    data: Annotated[list[DeliveryResource], field(f"The first {MAX_LISTED} of them.")]
    has_more: Annotated[bool, field("Whether there are more.")]
    total: Annotated[int, field("How many there are.", 1)]


@routes.post("/v1/events/{id}/resend")
@requires_scope(Scope.EVENTS_WRITE)
@operation(
    "events.resend",
    "Send an event again",
    {HTTPStatus.ACCEPTED: ResentResource},
    path=id_in_path(Prefix.EVENT),
    body=ResendBody,
    body_kind=BodyKind.MAY_BE_LEFT_OUT,
    errors=("unmatched", "event_in_flight", "is_test", "webhook_not_enabled"),
)
async def resend_event(request: web.Request) -> web.Response:
    """Send an event again, under its own id, to every enabled webhook that wants its type now, or to one that is named.

    The answer lists its deliveries as they stand then, one for each webhook; of more than a hundred so many, and
    `has_more` is true.
    """
    event = EventId(path_id(request, Prefix.EVENT))
    body = await read_optional_body(request, ResendBody)
    account, dependencies = request[ACCOUNT], request.app[DEPENDENCIES]
    resent = await dependencies.resend(account, event, _webhook(body.webhook))
    listed = await dependencies.delivery_queries.several(account, resent[:MAX_LISTED])
    answer: ResentResource = {
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
