"""/v1/events: what the API takes for an event, does with it, and shows of it."""

import json
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, NotRequired

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlalchemy import Row
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import EVENT_TYPE, field, id_field, time_field, type_field
from flux_dispatch.api.filters import FilterParsers, Parameter, id_filter, one_of, parse_filters, time_filter
from flux_dispatch.api.json_text import members, members_of_each, to_json
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
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
from flux_dispatch.engine.publish import MAX_BATCH, MAX_IDEMPOTENCY_KEY_LENGTH
from flux_dispatch.store.events import EVENT_STATUSES

routes = web.RouteTableDef()

_EXAMPLE: Final = {"order": "ord_1001", "amount": 4999, "currency": "EUR"}
DATA: Final = field("What happened; any JSON object.", _EXAMPLE)
DATA_AS_WRITTEN: Final = {
    "type": "object",
    "additionalProperties": True,
    "description": "What happened, as it was written.",
    "examples": [_EXAMPLE],
}
NOTE: Final = field(
    "That nobody wanted it, and what to do; only then.", "No enabled webhook of this account wanted it."
)
_BODY: Final = '{"id":"evt_…","type":"order.completed","created":"2026-01-15T10:30:00Z","data":{"order":"ord_1001"}}'
IDEMPOTENCY_KEY: Final = field(
    "Makes the event one, however often it is sent.", "order-1001", pattern=f"^[ -~]{{1,{MAX_IDEMPOTENCY_KEY_LENGTH}}}$"
)


_FILTERS: Final[FilterParsers] = {
    "type": Parameter(validate_event_type, {"type": "string", **EVENT_TYPE}, "Of this type."),
    "status": one_of(EVENT_STATUSES, "With this status."),
    "webhook": id_filter(Prefix.WEBHOOK, "With a delivery to this webhook."),
    "created_after": time_filter("Published at this time or later."),
    "created_before": time_filter("Published before this time."),
}


class PublishBody(BaseModel):
    """POST /v1/events. Its fields are looked up here; the data is taken as it stands, and so is read by hand."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[str, type_field("The type of the event; `flux.…` is Flux Dispatch's own.")]
    data: Annotated[dict[str, Any], DATA]


class BatchEvent(PublishBody):
    """One event of a batch."""

    idempotency_key: Annotated[str, IDEMPOTENCY_KEY] = Field(default_factory=str)


class BatchBody(BaseModel):
    """POST /v1/events/batch."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: Annotated[
        list[BatchEvent], field("The events, in the order of the answers.", minItems=1, maxItems=MAX_BATCH)
    ]


class DeliveryCountsResource(TypedDict):
    """How the deliveries of an event stand."""

    total: Annotated[int, field("How many there are.", 2)]
    pending: Annotated[int, field("How many are still owed.", 0)]
    delivered: Annotated[int, field("How many were delivered.", 2)]
    failed: Annotated[int, field("How many were given up.", 0)]
    canceled: Annotated[int, field("How many were canceled.", 0)]


class PublishedEventResource(TypedDict):
    """An event as its publisher sees it."""

    id: Annotated[str, id_field(Prefix.EVENT)]
    object: Literal["event"]
    type: Annotated[str, type_field("The type of the event.")]
    created: Annotated[str, time_field("When it was published.")]
    data: Annotated[dict[str, Any], DATA]
    status: Annotated[str, field("Whether anybody wanted it.", "pending", enum=["pending", "unmatched"])]
    webhooks: Annotated[int, field("How many webhooks wanted it.", 2)]
    note: NotRequired[Annotated[str, NOTE]]


class PublishedBatchResource(TypedDict):
    """The events of a batch, in the order of the request."""

    object: Literal["list"]
    data: list[PublishedEventResource]


class EventResource(TypedDict):
    """Something that happened, and what its deliveries come to."""

    id: Annotated[str, id_field(Prefix.EVENT)]
    object: Literal["event"]
    type: Annotated[str, type_field("The type of the event.")]
    created: Annotated[str, time_field("When it was published.")]
    data: Annotated[Any, WithJsonSchema(DATA_AS_WRITTEN)]
    status: Annotated[str, field("What its deliveries come to.", "delivered", enum=list(EVENT_STATUSES))]
    test: Annotated[bool, field("Whether it is the test of a webhook.")]
    deliveries: DeliveryCountsResource
    note: NotRequired[Annotated[str, NOTE]]


class EventWithBodyResource(EventResource):
    """An event by itself, with what is signed."""

    body: Annotated[str, field("The exact text that is signed and sent.", _BODY)]


@routes.post("/v1/events")
@requires_scope(Scope.EVENTS_WRITE)
@operation(
    "events.publish",
    "Publish an event",
    {HTTPStatus.ACCEPTED: PublishedEventResource},
    body=PublishBody,
    takes_idempotency_key=True,
    headers=("Idempotent-Replayed",),
    errors=(
        "invalid_event_type",
        "invalid_idempotency_key",
        "idempotency_key_reused",
        "schema_mismatch",
        "schema_too_costly",
    ),
)
async def publish_event(request: web.Request) -> web.Response:
    """Publish an event; the answer comes once it is stored.

    It is delivered to every enabled webhook that wants its type, and retried by the retry table. Send an
    `Idempotency-Key`, so that the same request may be sent again after a failure and stays one event.
    """
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
@operation(
    "events.publish_batch",
    "Publish up to 1000 events",
    {HTTPStatus.ACCEPTED: PublishedBatchResource},
    body=BatchBody,
    headers=("Idempotent-Replayed",),
    errors=(
        "invalid_event_type",
        "invalid_idempotency_key",
        "idempotency_key_reused",
        "schema_mismatch",
        "schema_too_costly",
    ),
)
async def publish_batch(request: web.Request) -> web.Response:
    """Publish up to 1000 events in one transaction: all are stored, or none is.

    The answer lists them in the order of the request. What is wrong with one event is named in `param` with its place,
    like `events[17].data`.
    """
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
@operation("events.list", "List events", {HTTPStatus.OK: PageOf(EventResource)}, query=_FILTERS)
async def list_events(request: web.Request) -> web.Response:
    """List events, the newest first."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].event_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


# whatever else the batch's address is asked for, it is not an event
@routes.get("/v1/events/{id:(?!batch$)[^/]+}")
@requires_scope(Scope.READ)
@operation("events.get", "Show an event", {HTTPStatus.OK: EventWithBodyResource}, path=id_in_path(Prefix.EVENT))
async def get_event(request: web.Request) -> web.Response:
    """Show an event, with the exact text that is signed and sent."""
    event = EventId(path_id(request, Prefix.EVENT))
    found = or_404(await request.app[DEPENDENCIES].event_queries.get(request[ACCOUNT], event), event)
    answer: EventWithBodyResource = {**serialize(found), "body": found.body.decode("ascii")}
    return web.Response(text=to_json(answer), content_type="application/json")


async def read_event(request: web.Request) -> tuple[str, EventData]:
    """Return type and data of POST /v1/events; the data as it stands in the body.

    Raises:
        InvalidRequest: as for read_body.
    """
    given = members(await read_bytes(request))
    if given is None:
        raise wrong_type("", "an object")
    _check_names(given, PublishBody)
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
    _check_names(given, BatchEvent)
    event_type, data = _type_and_data(given)
    key = None
    if "idempotency_key" in given and not isinstance(key := given["idempotency_key"][0], str):
        raise wrong_type("idempotency_key", "text")
    return EventDraft(event_type, data, key)


def _check_names(given: dict[str, tuple[Any, str]], model: type[BaseModel]) -> None:
    for name, each in model.model_fields.items():
        if each.is_required() and name not in given:
            raise missing(name)
    for name in given.keys() - model.model_fields.keys():
        raise unknown(name[:60])


def _type_and_data(given: dict[str, tuple[Any, str]]) -> tuple[str, EventData]:
    (event_type, _), (data, text) = given["type"], given["data"]
    if not isinstance(event_type, str):
        raise wrong_type("type", "text")
    if not isinstance(data, dict):
        raise wrong_type("data", "an object")
    return event_type, carried(text)


def serialize(row: Row[Any]) -> EventResource:
    """Return an event as the API shows it, with the counts of its deliveries."""
    event: EventResource = {
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
