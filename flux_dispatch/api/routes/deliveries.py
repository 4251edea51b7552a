"""/v1/deliveries: what the API shows of deliveries and their attempts."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, cast

from aiohttp import web
from sqlalchemy import Row
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, time_field, type_field
from flux_dispatch.api.filters import FilterParsers, id_filter, one_of, parse_filters, time_filter
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import DeliveryId, EventId, Prefix, WebhookId, format_id, made_at, parse_id
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phases

routes = web.RouteTableDef()


_STATUS_FILTER: Final[FilterParsers] = {"status": one_of(State, "Which stand there.")}
_NARROWING: Final[FilterParsers] = {
    **_STATUS_FILTER,
    "outcome": one_of(ErrorClass, "Whose last attempt failed so."),
    "created_after": time_filter("Whose event was published at this time or later."),
    "created_before": time_filter("Whose event was published before this time."),
}
_FILTERS: Final[FilterParsers] = {
    **_NARROWING,
    "webhook": id_filter(Prefix.WEBHOOK, "To this webhook."),
    "event": id_filter(Prefix.EVENT, "Of this event."),
}


_ADVICE: Final = (
    "Your endpoint answered 503. Something failed behind it: look into its log at the time of this attempt."
)


class PhasesResource(TypedDict):
    """How many milliseconds each part of an attempt took; null for one that did not take place."""

    dns: Annotated[float | None, field("Looking up the host.", 4.1)]
    connect: Annotated[float | None, field("Opening the connection.", 11.9)]
    tls: Annotated[float | None, field("The TLS handshake.", 24.0)]
    wait: Annotated[float | None, field("From the first byte of the POST to the first of the answer.", 35.2)]
    read: Annotated[float | None, field("From there to the end of the answer.", 0.4)]


class ResponseResource(TypedDict):
    """What a receiver answered."""

    headers: Annotated[
        dict[str, str], field("The first of its headers, in lower case; of a 2xx none.", {"retry-after": "5"})
    ]
    excerpt: Annotated[str, field("The first KiB of its body, as text.", "upstream is down")]


class AttemptResource(TypedDict):
    """One POST of a delivery, and how it ended."""

    number: Annotated[int, field("Which attempt it was, from 1.", 1)]
    started_at: Annotated[str, time_field("When it began.")]
    ended_at: Annotated[str, time_field("When it ended.")]
    duration_ms: Annotated[float, field("How long it took, in milliseconds.", 75.6)]
    phases: PhasesResource
    status: Annotated[int | None, field("The status of the answer; null when none came.", 503)]
    error: Annotated[ErrorClass | None, field("Why it failed; null for a success.", "http_status")]
    error_detail: Annotated[str | None, field("The error in words, where no answer came.", NULL)]
    advice: Annotated[
        str | None,
        field("What to do about it; null for a success.", _ADVICE),
    ]
    response: Annotated[ResponseResource | None, field("What came back; null when nothing did.")]


class DeliveryResource(TypedDict):
    """One event owed to one webhook."""

    id: Annotated[str, id_field(Prefix.DELIVERY)]
    object: Literal["delivery"]
    event: Annotated[str, id_field(Prefix.EVENT, "The event.")]
    event_type: Annotated[str, type_field("The type of the event.")]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook that it is owed to.")]
    url: Annotated[str, field("Where that is.", "https://example.com/hooks", format="uri")]
    status: Annotated[State, field("Where it stands.", "scheduled")]
    test: Annotated[bool, field("Whether it is the test of a webhook.")]
    reason: Annotated[str | None, field("Why it was given up or canceled.", NULL)]
    attempts_made: Annotated[int, field("How many attempts were made.", 1)]
    next_attempt_at: Annotated[str | None, time_field("When the next attempt is due; null when none is.")]
    created: Annotated[str, time_field("When it was made.")]
    ended: Annotated[str | None, field("When it was over; null until then.", NULL, format="date-time")]


class DeliveryWithAttemptsResource(DeliveryResource):
    """A delivery by itself, with every attempt."""

    attempts: Annotated[list[AttemptResource], field("Every attempt, the first one first.")]


@routes.get("/v1/events/{id}/deliveries")
@requires_scope(Scope.READ)
@operation(
    "events.deliveries",
    "List the deliveries of an event",
    {HTTPStatus.OK: PageOf(DeliveryResource)},
    path=id_in_path(Prefix.EVENT),
    query=_STATUS_FILTER,
)
async def list_deliveries_of_event(request: web.Request) -> web.Response:
    """List the deliveries of an event: one for each webhook that wanted it."""
    filters = parse_filters(request, _STATUS_FILTER)
    account = request[ACCOUNT]
    event = EventId(path_id(request, Prefix.EVENT))
    or_404(await request.app[DEPENDENCIES].event_queries.get(account, event), event)
    filters["event"] = parse_id(Prefix.EVENT, event)
    return await _list_response(request, filters)


@routes.get("/v1/webhooks/{id}/deliveries")
@requires_scope(Scope.READ)
@operation(
    "webhooks.deliveries",
    "List the deliveries to a webhook",
    {HTTPStatus.OK: PageOf(DeliveryResource)},
    path=id_in_path(Prefix.WEBHOOK),
    query=_NARROWING,
)
async def list_deliveries_of_webhook(request: web.Request) -> web.Response:
    """List the deliveries to a webhook, the newest first."""
    filters = parse_filters(request, _NARROWING)
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    or_404(await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT], webhook), webhook)
    filters["webhook"] = parse_id(Prefix.WEBHOOK, webhook)
    return await _list_response(request, filters)


@routes.get("/v1/deliveries")
@requires_scope(Scope.READ)
@operation("deliveries.list", "List deliveries", {HTTPStatus.OK: PageOf(DeliveryResource)}, query=_FILTERS)
async def list_deliveries(request: web.Request) -> web.Response:
    """List deliveries, the newest events first.

    The attempts are shown with each delivery by itself.
    """
    filters = parse_filters(request, _FILTERS)
    return await _list_response(request, filters)


@routes.get("/v1/deliveries/{id}")
@requires_scope(Scope.READ)
@operation(
    "deliveries.get", "Show a delivery", {HTTPStatus.OK: DeliveryWithAttemptsResource}, path=id_in_path(Prefix.DELIVERY)
)
async def get_delivery(request: web.Request) -> web.Response:
    """Show a delivery with every attempt: how long it took, what came back, and what to do about it."""
    return web.json_response(await delivery_with_attempts(request, DeliveryId(path_id(request, Prefix.DELIVERY))))


@routes.post("/v1/deliveries/{id}/retry")
@requires_scope(Scope.EVENTS_WRITE)
@operation(
    "deliveries.retry",
    "Retry a delivery",
    {HTTPStatus.ACCEPTED: DeliveryResource},
    path=id_in_path(Prefix.DELIVERY),
    errors=("delivery_in_flight", "already_delivered", "webhook_not_enabled", "is_test"),
)
async def retry_delivery(request: web.Request) -> web.Response:
    """Have a delivery attempted at once; the answer shows it as it stands then.

    One that waits for its next attempt is due now. One that failed or was canceled is recovered: it has all attempts of
    the retry table before it again.
    """
    delivery = DeliveryId(path_id(request, Prefix.DELIVERY))
    await request.app[DEPENDENCIES].retry(request[ACCOUNT], delivery)
    found = or_404(await request.app[DEPENDENCIES].delivery_queries.get(request[ACCOUNT], delivery), delivery)
    return web.json_response(serialize(found), status=HTTPStatus.ACCEPTED)


async def _list_response(request: web.Request, filters: dict[str, Any]) -> web.Response:
    account, queries = request[ACCOUNT], request.app[DEPENDENCIES].delivery_queries
    return await list_response(
        request,
        account,
        lambda page: queries.page(account, page, filters),
        serialize,
        order=("event", "id"),
    )


async def delivery_with_attempts(request: web.Request, delivery: DeliveryId) -> DeliveryWithAttemptsResource:
    """Return a delivery of the request's account as the API shows it by itself.

    Raises:
        NotFound: the account has no such delivery.
    """
    queries = request.app[DEPENDENCIES].delivery_queries
    found = or_404(await queries.get(request[ACCOUNT], delivery), delivery)
    return {**serialize(found), "attempts": [serialize_attempt(each) for each in await queries.attempts(delivery)]}


def serialize(row: Row[Any]) -> DeliveryResource:
    """Return a delivery as the API shows it, without its attempts."""
    return {
        "id": format_id(Prefix.DELIVERY, row.id.hex),
        "object": "delivery",
        "event": format_id(Prefix.EVENT, row.event_id.hex),
        "event_type": row.event_type,
        "webhook": format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "url": row.url,
        "status": row.state,
        "test": row.is_test,
        "reason": row.reason,
        "attempts_made": row.attempts,
        "next_attempt_at": rfc3339_millis(row.due_at) if row.due_at else None,
        "created": rfc3339_seconds(made_at(row.id)),
        "ended": rfc3339_millis(row.ended_at) if row.ended_at else None,
    }


def serialize_attempt(attempt: AttemptRecord) -> AttemptResource:
    """Return an attempt as the API shows it."""
    return {
        "number": attempt.number,
        "started_at": rfc3339_millis(attempt.started_at),
        "ended_at": rfc3339_millis(attempt.ended_at),
        "duration_ms": round(attempt.duration_seconds * 1000, 1),
        "phases": _serialize_phases(attempt.phases),
        "status": attempt.status,
        "error": cast("ErrorClass | None", attempt.error),  # or a word of a later release
        "error_detail": attempt.error_detail,
        "advice": attempt.advice,
        "response": _response(attempt),
    }


def _serialize_phases(phases: Phases) -> PhasesResource:
    dns, connect, tls, wait, read = map(_milliseconds, phases)
    return {"dns": dns, "connect": connect, "tls": tls, "wait": wait, "read": read}


def _response(attempt: AttemptRecord) -> ResponseResource | None:
    if attempt.excerpt is None:
        return None
    return {"headers": dict(attempt.headers), "excerpt": attempt.excerpt}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
