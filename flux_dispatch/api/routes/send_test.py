"""/v1/webhooks/{id}/test: one POST to a webhook, and what came back."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, type_field
from flux_dispatch.api.openapi.operation import BodyKind, id_in_path, operation
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import read_optional_body
from flux_dispatch.api.routes.deliveries import DeliveryWithAttemptsResource, delivery_with_attempts
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix, WebhookId

routes = web.RouteTableDef()


class SendTestBody(BaseModel):
    """POST /v1/webhooks/{id}/test."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[
        str | None, type_field("Any type; unless told, the first that the webhook names, or flux.test.")
    ] = None
    wait: Annotated[bool, field("Whether to answer when the attempt has ended.")] = True


@routes.post("/v1/webhooks/{id}/test")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.test",
    "Send a test",
    dict.fromkeys((HTTPStatus.OK, HTTPStatus.ACCEPTED), DeliveryWithAttemptsResource),
    path=id_in_path(Prefix.WEBHOOK),
    body=SendTestBody,
    body_kind=BodyKind.MAY_BE_LEFT_OUT,
    errors=("invalid_event_type", "webhook_not_enabled", "cannot_unseal"),
)
async def send_test_to_webhook(request: web.Request) -> web.Response:
    """Send an example to a webhook, in one attempt, and wait for what comes back.

    200 shows the delivery with its attempt. 202 comes where none has ended yet, or where `wait` is false: look at the
    delivery again.
    """
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_optional_body(request, SendTestBody)
    send_test = request.app[DEPENDENCIES].send_test
    delivery = await send_test(request[ACCOUNT], webhook, body.type)
    if body.wait:
        await send_test.wait(request[ACCOUNT], delivery)
    answer = await delivery_with_attempts(request, delivery)
    return web.json_response(answer, status=HTTPStatus.OK if answer["attempts"] else HTTPStatus.ACCEPTED)
