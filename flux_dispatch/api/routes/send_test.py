"""/v1/webhooks/{id}/test: one POST to a webhook, and what came back."""

from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import read_optional_body
from flux_dispatch.api.routes.deliveries import delivery_with_attempts
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix, WebhookId

routes = web.RouteTableDef()


class SendTestBody(BaseModel):
    """POST /v1/webhooks/{id}/test."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: str | None = None
    wait: bool = True


@routes.post("/v1/webhooks/{id}/test")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def send_test_to_webhook(request: web.Request) -> web.Response:
    """Send a test: 200 with the delivery and its attempt, or 202 with the delivery while there is none yet."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_optional_body(request, SendTestBody)
    send_test = request.app[DEPENDENCIES].send_test
    delivery = await send_test(request[ACCOUNT], webhook, body.type)
    if body.wait:
        await send_test.wait(request[ACCOUNT], delivery)
    answer = await delivery_with_attempts(request, delivery)
    return web.json_response(answer, status=HTTPStatus.OK if answer["attempts"] else HTTPStatus.ACCEPTED)
