"""/v1/event-types: the catalogue, what the API takes for an event type and shows of it."""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, parse_filters, truth
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import rfc3339_seconds, validate_event_type
from flux_dispatch.domain.event_type import EventType, object_in

routes = web.RouteTableDef()


class EventTypeChanges(BaseModel):
    """PATCH /v1/event-types/{name}; null takes away what may be missing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    description: str = ""
    group: str | None = None
    example: dict[str, Any] | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")


class EventTypeBody(EventTypeChanges):
    """POST /v1/event-types."""

    name: str


@routes.post("/v1/event-types")
@requires_scope(Scope.EVENT_TYPES_WRITE)
async def create_event_type(request: web.Request) -> web.Response:
    """Put an event type into the catalogue."""
    body = await read_body(request, EventTypeBody)
    made = await request.app[DEPENDENCIES].event_types.create(request[ACCOUNT], _given(body))
    headers = {"Location": f"/v1/event-types/{made.name}"}
    return web.json_response(serialize(made), status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/event-types")
@requires_scope(Scope.READ)
async def list_event_types(request: web.Request) -> web.Response:
    """List the catalogue; what is archived too, unless asked."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].event_type_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.get("/v1/event-types/{name}")
@requires_scope(Scope.READ)
async def get_event_type(request: web.Request) -> web.Response:
    """Show an event type."""
    name = _path_name(request)
    found = await request.app[DEPENDENCIES].event_type_queries.get(request[ACCOUNT], name)
    return web.json_response(serialize(or_404(found, f"event type {name}")))


@routes.patch("/v1/event-types/{name}")
@requires_scope(Scope.EVENT_TYPES_WRITE)
async def change_event_type(request: web.Request) -> web.Response:
    """Change what the body names of an event type."""
    name = _path_name(request)
    body = await read_body(request, EventTypeChanges)
    changed = await request.app[DEPENDENCIES].event_types.update(request[ACCOUNT], name, _given(body))
    return web.json_response(serialize(changed))


@routes.delete("/v1/event-types/{name}")
@requires_scope(Scope.EVENT_TYPES_WRITE)
async def archive_event_type(request: web.Request) -> web.Response:
    """Archive an event type: it stays readable, and data is checked no longer."""
    await request.app[DEPENDENCIES].event_types.archive(request[ACCOUNT], _path_name(request))
    return web.Response(status=HTTPStatus.NO_CONTENT)


def serialize(event_type: EventType) -> dict[str, Any]:
    """Return an event type as the API shows it."""
    archived_at = event_type.archived_at
    return {
        "id": event_type.id,
        "object": "event_type",
        "name": event_type.name,
        "description": event_type.description,
        "group": event_type.group,
        "example": object_in(event_type.example),
        "schema": object_in(event_type.schema),
        "default": event_type.is_default,
        "created": rfc3339_seconds(event_type.created_at),
        "updated": rfc3339_seconds(event_type.updated_at),
        "archived_at": rfc3339_seconds(archived_at) if archived_at else None,
    }


def _given(body: EventTypeChanges) -> dict[str, Any]:
    return body.model_dump(by_alias=True, exclude_unset=True)


def _path_name(request: web.Request) -> str:
    name = request.match_info["name"]
    try:
        return validate_event_type(name)
    except InvalidRequest:
        raise NotFound(f"There is no event type {name[:128]!r}.") from None


_FILTERS: Final[FilterParsers] = {"archived": truth}
