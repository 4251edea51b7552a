"""The endpoints of /v1: each decodes the request, calls one verb or read, and shows what came of it."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from flux_dispatch.api import shown
from flux_dispatch.api.body import WebhookBody, read_body, read_event
from flux_dispatch.api.gate import ACCOUNT, needs
from flux_dispatch.api.lists import Readers, answer_list, instant, one_of, read_filters
from flux_dispatch.api.parts import PARTS
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.errors import MalformedId, NotFound
from flux_dispatch.domain.event import check_type
from flux_dispatch.domain.ids import DeliveryId, EventId, Prefix, WebhookId, parse_id
from flux_dispatch.store.reads import EVENT_STATUSES

routes = web.RouteTableDef()


@routes.post("/v1/webhooks")
@needs(Scope.WEBHOOKS_WRITE)
async def create_webhook(request: web.Request) -> web.Response:
    """Create a webhook; the answer is the one that holds its secret."""
    body = await read_body(request, WebhookBody)
    made = await request.app[PARTS].subscribe.create(
        request[ACCOUNT], url=body.url, events=body.events, description=body.description, headers=body.headers
    )
    headers = {"Location": f"/v1/webhooks/{made.id}"}
    return web.json_response(shown.webhook(made) | {"secret": made.secret}, status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/webhooks")
@needs(Scope.READ)
async def list_webhooks(request: web.Request) -> web.Response:
    """List webhooks."""
    read_filters(request, {})
    account = request[ACCOUNT]
    reads = request.app[PARTS].reads
    return await answer_list(request, account, lambda page: reads.webhooks(account, page), shown.webhook)


@routes.get("/v1/webhooks/{id}")
@needs(Scope.READ)
async def get_webhook(request: web.Request) -> web.Response:
    """Show a webhook."""
    webhook = WebhookId(_id(request, Prefix.WEBHOOK))
    found = await request.app[PARTS].reads.webhook(request[ACCOUNT], webhook)
    return web.json_response(shown.webhook(_there(found, webhook)))


@routes.delete("/v1/webhooks/{id}")
@needs(Scope.WEBHOOKS_WRITE)
async def delete_webhook(request: web.Request) -> web.Response:
    """Delete a webhook; what was still to be delivered to it is canceled."""
    await request.app[PARTS].subscribe.delete(request[ACCOUNT], WebhookId(_id(request, Prefix.WEBHOOK)))
    return web.Response(status=HTTPStatus.NO_CONTENT)


@routes.post("/v1/events")
@needs(Scope.EVENTS_WRITE)
async def publish_event(request: web.Request) -> web.Response:
    """Accept an event: 202 when it is stored."""
    event_type, data = await read_event(request)
    key = request.headers.get("Idempotency-Key")
    accepted = await request.app[PARTS].publish(request[ACCOUNT], event_type, data, idempotency_key=key)
    headers = {"Idempotent-Replayed": "true"} if accepted.is_replay else None
    return web.Response(
        body=shown.accepted(accepted), status=HTTPStatus.ACCEPTED, headers=headers, content_type="application/json"
    )


@routes.get("/v1/events")
@needs(Scope.READ)
async def list_events(request: web.Request) -> web.Response:
    """List events, by type, status and time if asked."""
    filters = read_filters(request, _EVENT_FILTERS)
    account = request[ACCOUNT]
    reads = request.app[PARTS].reads
    return await answer_list(request, account, lambda page: reads.events(account, page, filters), shown.event)


@routes.get("/v1/events/{id}")
@needs(Scope.READ)
async def get_event(request: web.Request) -> web.Response:
    """Show an event."""
    event = EventId(_id(request, Prefix.EVENT))
    found = await request.app[PARTS].reads.event(request[ACCOUNT], event)
    return web.Response(text=shown.in_json(shown.event(_there(found, event))), content_type="application/json")


@routes.get("/v1/events/{id}/deliveries")
@needs(Scope.READ)
async def list_deliveries_of_event(request: web.Request) -> web.Response:
    """List the deliveries of an event."""
    filters = read_filters(request, _STATUS_FILTER)
    account = request[ACCOUNT]
    reads = request.app[PARTS].reads
    event = EventId(_id(request, Prefix.EVENT))
    _there(await reads.event(account, event), event)
    filters["event"] = parse_id(Prefix.EVENT, event)
    return await _answer_deliveries(request, filters)


@routes.get("/v1/deliveries")
@needs(Scope.READ)
async def list_deliveries(request: web.Request) -> web.Response:
    """List deliveries, by status, webhook and event if asked."""
    filters = read_filters(request, _DELIVERY_FILTERS)
    return await _answer_deliveries(request, filters)


@routes.get("/v1/deliveries/{id}")
@needs(Scope.READ)
async def get_delivery(request: web.Request) -> web.Response:
    """Show a delivery with every attempt."""
    reads = request.app[PARTS].reads
    delivery = DeliveryId(_id(request, Prefix.DELIVERY))
    found = _there(await reads.delivery(request[ACCOUNT], delivery), delivery)
    attempts = [shown.attempt(each) for each in await reads.attempts(delivery)]
    return web.json_response(shown.delivery(found) | {"attempts": attempts})


@routes.get("/v1/alerts")
@needs(Scope.READ)
async def list_alerts(request: web.Request) -> web.Response:
    """List alerts."""
    read_filters(request, {})
    account = request[ACCOUNT]
    reads = request.app[PARTS].reads
    return await answer_list(request, account, lambda page: reads.alerts(account, page), shown.alert)


async def _answer_deliveries(request: web.Request, filters: dict[str, Any]) -> web.Response:
    account, reads = request[ACCOUNT], request.app[PARTS].reads
    return await answer_list(
        request,
        account,
        lambda page: reads.deliveries(account, page, filters),
        shown.delivery,
        order=("event", "id"),
    )


def _id(request: web.Request, prefix: Prefix) -> str:
    """Return the id in the path; one that cannot be one is not found, like one that does not exist."""
    text = request.match_info["id"]
    try:
        parse_id(prefix, text)
    except MalformedId as error:
        raise NotFound(error.message) from None
    return text


def _there(found: Any, text: str) -> Any:  # noqa: ANN401 - whatever was looked for
    if found is None:
        raise NotFound(f"There is no {text}.")
    return found


_EVENT_FILTERS: Final[Readers] = {
    "type": check_type,
    "status": one_of(EVENT_STATUSES),
    "created_after": instant,
    "created_before": instant,
}
_STATUS_FILTER: Final[Readers] = {"status": one_of(State)}
_DELIVERY_FILTERS: Final[Readers] = {
    **_STATUS_FILTER,
    "webhook": partial(parse_id, Prefix.WEBHOOK),
    "event": partial(parse_id, Prefix.EVENT),
}
