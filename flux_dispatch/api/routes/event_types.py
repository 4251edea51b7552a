"""/v1/event-types: the catalogue, what the API takes for an event type and shows of it."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import EVENT_TYPE, NULL, field, id_field, time_field, type_field
from flux_dispatch.api.filters import FilterParsers, Parameter, parse_filters, truth_filter
from flux_dispatch.api.openapi.operation import PageOf, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import rfc3339_seconds, validate_event_type
from flux_dispatch.domain.event_type import MAX_DESCRIPTION_LENGTH, MAX_GROUP_LENGTH, EventType, object_in
from flux_dispatch.domain.ids import Prefix

routes = web.RouteTableDef()

_FILTERS: Final[FilterParsers] = {"archived": truth_filter("Only those that are archived, or only those that are not.")}
_NAME_IN_PATH: Final = {
    "name": Parameter(str, {"type": "string", **EVENT_TYPE, "examples": ["invoice.paid"]}, "Its name.")
}

_DESCRIPTION: Final = field("What it means.", "An invoice was paid.", maxLength=MAX_DESCRIPTION_LENGTH)
_GROUP: Final = field("Where it is listed.", "Billing", maxLength=MAX_GROUP_LENGTH)
_EXAMPLE: Final = field("Data as it may be.", {"invoice": "inv_7", "cents": 4999})
_SCHEMA: Final = field(
    "What published data must meet: JSON Schema, draft 2020-12.",
    {"type": "object", "required": ["invoice"], "properties": {"cents": {"type": "integer"}}},
)


class EventTypeChanges(BaseModel):
    """PATCH /v1/event-types/{name}; null takes away what may be missing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    description: Annotated[str, _DESCRIPTION] = ""
    group: Annotated[str | None, _GROUP] = None
    example: Annotated[dict[str, Any] | None, _EXAMPLE] = None
    json_schema: Annotated[dict[str, Any] | None, _SCHEMA] = Field(default=None, alias="schema")


class EventTypeBody(EventTypeChanges):
    """POST /v1/event-types."""

    name: Annotated[str, type_field("Its name, under which events are published.")]


class EventTypeResource(TypedDict):
    """An event type of the catalogue."""

    id: Annotated[str, id_field(Prefix.EVENT_TYPE)]
    object: Literal["event_type"]
    name: Annotated[str, type_field("Its name, under which events are published.")]
    description: Annotated[str, _DESCRIPTION]
    group: Annotated[str | None, _GROUP]
    example: Annotated[dict[str, Any] | None, _EXAMPLE]
    schema: Annotated[dict[str, Any] | None, _SCHEMA]
    default: Annotated[bool, field("Whether every account has it.")]
    created: Annotated[str, time_field("When it was created.")]
    updated: Annotated[str, time_field("When it was last changed.")]
    archived_at: Annotated[str | None, field("When it was archived; null while it is not.", NULL, format="date-time")]


@routes.post("/v1/event-types")
@requires_scope(Scope.EVENT_TYPES_WRITE)
@operation(
    "event_types.create",
    "Describe an event type",
    {HTTPStatus.CREATED: EventTypeResource},
    body=EventTypeBody,
    headers=("Location",),
    errors=(
        "invalid_event_type",
        "invalid_schema",
        "schema_mismatch",
        "schema_too_costly",
        "event_type_exists",
        "too_many_event_types",
    ),
)
async def create_event_type(request: web.Request) -> web.Response:
    """Put an event type into the catalogue: what it means, an example, and a schema.

    Where it has a schema, published data that does not meet it is refused. Types that are not in the catalogue may be
    published all the same.
    """
    body = await read_body(request, EventTypeBody)
    made = await request.app[DEPENDENCIES].event_types.create(request[ACCOUNT], _given(body))
    headers = {"Location": f"/v1/event-types/{made.name}"}
    return web.json_response(serialize(made), status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/event-types")
@requires_scope(Scope.READ)
@operation("event_types.list", "List the catalogue", {HTTPStatus.OK: PageOf(EventTypeResource)}, query=_FILTERS)
async def list_event_types(request: web.Request) -> web.Response:
    """List the event types of the catalogue; what is archived too, unless asked."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].event_type_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.get("/v1/event-types/{name}")
@requires_scope(Scope.READ)
@operation("event_types.get", "Show an event type", {HTTPStatus.OK: EventTypeResource}, path=_NAME_IN_PATH)
async def get_event_type(request: web.Request) -> web.Response:
    """Show an event type, with its example and its schema."""
    name = _path_name(request)
    found = await request.app[DEPENDENCIES].event_type_queries.get(request[ACCOUNT], name)
    return web.json_response(serialize(or_404(found, f"event type {name}")))


@routes.patch("/v1/event-types/{name}")
@requires_scope(Scope.EVENT_TYPES_WRITE)
@operation(
    "event_types.update",
    "Change an event type",
    {HTTPStatus.OK: EventTypeResource},
    path=_NAME_IN_PATH,
    body=EventTypeChanges,
    errors=("invalid_schema", "schema_mismatch", "schema_too_costly", "too_many_event_types"),
)
async def change_event_type(request: web.Request) -> web.Response:
    """Change what the body names of an event type; null takes group, example or schema away."""
    name = _path_name(request)
    body = await read_body(request, EventTypeChanges)
    changed = await request.app[DEPENDENCIES].event_types.update(request[ACCOUNT], name, _given(body))
    return web.json_response(serialize(changed))


@routes.delete("/v1/event-types/{name}")
@requires_scope(Scope.EVENT_TYPES_WRITE)
@operation(
    "event_types.archive",
    "Archive an event type",
    {HTTPStatus.NO_CONTENT: None},
    path=_NAME_IN_PATH,
    errors=("too_many_event_types",),
)
async def archive_event_type(request: web.Request) -> web.Response:
    """Archive an event type: it stays readable, and data is checked no longer.

    Creating one of the same name brings it back.
    """
    await request.app[DEPENDENCIES].event_types.archive(request[ACCOUNT], _path_name(request))
    return web.Response(status=HTTPStatus.NO_CONTENT)


def serialize(event_type: EventType) -> EventTypeResource:
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
