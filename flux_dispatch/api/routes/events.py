"""/v1/events: what the API takes for an event, does with it, and shows of it."""

import json
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, one_of, parse_filters, timestamp
from flux_dispatch.api.json_text import members, members_of_each, to_json
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.rate_limit import RATE_LIMIT
from flux_dispatch.api.request_body import missing, read_bytes, unknown, wrong_type
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import (
    EventData,
    EventDraft,
    PublishResult,
    carried,
    data_in,
    rfc3339_seconds,
    validate_event_type,
)
from flux_dispatch.domain.ids import EventId, Prefix, format_id
from flux_dispatch.store.events import EVENT_STATUSES

routes = web.RouteTableDef()


@routes.post("/v1/events")
@requires_scope(Scope.EVENTS_WRITE)
async def publish_event(request: web.Request) -> web.Response:
    """Publish an event: 202 when it is stored."""
    event_type, data = await read_event(request)
    key = request.headers.get("Idempotency-Key")
    published = await request.app[DEPENDENCIES].publish(request[ACCOUNT], event_type, data, idempotency_key=key)
    headers = {"Idempotent-Replayed": "true"} if published.is_replay else None
    return web.Response(
        body=serialize_published(published),
        status=HTTPStatus.ACCEPTED,
        headers=headers,
        content_type="application/json",
    )


@routes.post("/v1/events/batch")
@requires_scope(Scope.EVENTS_WRITE)
async def publish_batch(request: web.Request) -> web.Response:
    """Publish up to 1000 events: 202 when all are stored, else none is."""
    if "Idempotency-Key" in request.headers:
        message = "Idempotency-Key is for one event. Give each event of a batch its own idempotency_key in the body."
        raise InvalidRequest(message, param="Idempotency-Key", code="invalid_idempotency_key")
    drafts = await read_batch(request)
    # one of them is counted as every publication is
    await request.app[RATE_LIMIT].count_events(request, len(drafts) - 1)
    published = await request.app[DEPENDENCIES].publish.batch(request[ACCOUNT], drafts)
    return web.Response(
        body=b'{"object":"list","data":[' + b",".join(map(serialize_published, published)) + b"]}",
        status=HTTPStatus.ACCEPTED,
        headers={"Idempotent-Replayed": "true"} if all(each.is_replay for each in published) else None,
        content_type="application/json",
    )


@routes.get("/v1/events")
@requires_scope(Scope.READ)
async def list_events(request: web.Request) -> web.Response:
    """List events, by type, status and time if asked."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].event_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.get("/v1/events/{id}")
@requires_scope(Scope.READ)
async def get_event(request: web.Request) -> web.Response:
    """Show an event, with the exact text that is signed and sent."""
    event = EventId(path_id(request, Prefix.EVENT))
    found = or_404(await request.app[DEPENDENCIES].event_queries.get(request[ACCOUNT], event), event)
    event_and_body = serialize(found) | {"body": found.body.decode("ascii")}
    return web.Response(text=to_json(event_and_body), content_type="application/json")


async def read_event(request: web.Request) -> tuple[str, EventData]:
    """Return type and data of POST /v1/events; the data as it stands in the body.

    Raises:
        InvalidRequest: as for read_body.
    """
    given = members(await read_bytes(request))
    if given is None:
        raise wrong_type("", "an object")
    _check_names(given, {"type", "data"})
    return _type_and_data(given)


async def read_batch(request: web.Request) -> list[EventDraft]:
    """Return the events of POST /v1/events/batch; their data as it stands in the body.

    Raises:
        InvalidRequest: as for read_body; what is wrong with one event is named like `events[17].data`.
    """
    given = members_of_each(await read_bytes(request), "events")
    if given is None:
        raise wrong_type("", "an object")
    if "events" not in given:
        raise missing("events")
    for name in given.keys() - {"events"}:
        raise unknown(name[:60])
    if not isinstance(given["events"], list):
        raise wrong_type("events", "a list")
    drafts = []
    for index, each in enumerate(given["events"]):
        if not isinstance(each, dict):
            raise wrong_type(f"events[{index}]", "an object")
        try:
            drafts.append(_draft(each))
        except InvalidRequest as error:
            raise error.within(f"events[{index}]") from None
    return drafts


def _draft(given: dict[str, tuple[Any, str]]) -> EventDraft:
    _check_names(given, {"type", "data", "idempotency_key"})
    event_type, data = _type_and_data(given)
    key = None
    if "idempotency_key" in given and not isinstance(key := given["idempotency_key"][0], str):
        raise wrong_type("idempotency_key", "text")
    return EventDraft(event_type, data, key)


def _check_names(given: dict[str, tuple[Any, str]], known: set[str]) -> None:
    for name in ("type", "data"):
        if name not in given:
            raise missing(name)
    for name in given.keys() - known:
        raise unknown(name[:60])


def _type_and_data(given: dict[str, tuple[Any, str]]) -> tuple[str, EventData]:
    (event_type, _), (data, text) = given["type"], given["data"]
    if not isinstance(event_type, str):
        raise wrong_type("type", "text")
    if not isinstance(data, dict):
        raise wrong_type("data", "an object")
    return event_type, carried(text, data)


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return an event as the API shows it, with the counts of its deliveries."""
    event = {
        "id": format_id(Prefix.EVENT, row.id.hex),
        "object": "event",
        "type": row.type,
        "created": rfc3339_seconds(row.created_at),
        "data": data_in(row.body),
        "status": row.status,
        "test": row.is_test,
        "deliveries": {
            "total": row.total,
            "pending": row.open,
            "delivered": row.delivered,
            "failed": row.failed,
            "canceled": row.canceled,
        },
    }
    if row.status == "unmatched":
        event["note"] = _nobody_wants(row.type, format_id(Prefix.EVENT, row.id.hex))
    return event


def serialize_published(published: PublishResult) -> bytes:
    """Return an event as its publisher sees it, in JSON; one that nobody wants says so.

    It is the payload that receivers get, whose bytes are at hand, with a few more fields.
    """
    more: dict[str, Any] = {"status": "pending" if published.webhooks else "unmatched", "webhooks": published.webhooks}
    if not published.webhooks:
        more["note"] = _nobody_wants(published.event.type, published.event.id)
    event_id, _, rest = published.event.body.partition(b",")
    last = json.dumps(more, separators=(",", ":")).encode()
    return event_id + b',"object":"event",' + rest[:-1] + b"," + last[1:]


def _nobody_wants(event_type: str, event: str) -> str:
    return (
        f"No enabled webhook of this account wanted {event_type}, so nothing is sent. "
        f"Create one with POST /v1/webhooks, then POST /v1/events/{event}/resend."
    )


_FILTERS: Final[FilterParsers] = {
    "type": validate_event_type,
    "status": one_of(EVENT_STATUSES),
    "created_after": timestamp,
    "created_before": timestamp,
}
