"""/v1/listen: temporary public URLs, for whoever receives on their own machine."""

from http import HTTPStatus
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, time_field
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.openapi.operation import BodyKind, PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.request_body import read_optional_body
from flux_dispatch.api.webhook_fields import EVENTS, EXAMPLE_SECRET
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import ListenSessionId, Prefix
from flux_dispatch.domain.listen_session import MAX_FORWARD_TO_LENGTH, EndReason, ListenSession, ListenStatus
from flux_dispatch.domain.signing import SECRET_PREFIX
from flux_dispatch.engine.listen_sessions import Wish

routes = web.RouteTableDef()

_FORWARD_TO = field(
    "Where the command forwards to, for people to see.",
    "http://localhost:3000/webhooks/flux",
    minLength=1,
    maxLength=MAX_FORWARD_TO_LENGTH,
)
_SECRET = field(
    "What shall sign the events that it gets: `whsec_` and 24 bytes in base64, which the command keeps, so that its "
    "local server is set up once. Without it there is a new one.",
    "whsec_bm90IGEgc2VjcmV0LCBhbiBleGFtcGxl",
    pattern=f"^{SECRET_PREFIX}[A-Za-z0-9+/]{{32}}$",
)
_EXAMPLE_URL = "https://flux.example.com/in/lst_R0cf9m2Q7bXw1Zt8yKdLpV5sJ3hGnEaUoTiCxBqWrM4"  # leads nowhere


class ListenBody(BaseModel):
    """POST /v1/listen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: Annotated[list[str], EVENTS] = ["*"]
    forward_to: Annotated[str | None, _FORWARD_TO] = None
    secret: Annotated[str | None, _SECRET] = None


class ListenSessionResource(TypedDict):
    """A temporary public URL, and the temporary webhook at it."""

    id: Annotated[str, id_field(Prefix.LISTEN_SESSION)]
    object: Literal["listen_session"]
    url: Annotated[str, field("The public URL: what anyone sends there reaches the command.", _EXAMPLE_URL)]
    events: Annotated[list[str], EVENTS]
    forward_to: Annotated[str | None, _FORWARD_TO]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook that events are delivered to meanwhile.")]
    status: Annotated[ListenStatus, field("Whether a command is connected.", "connected")]
    created: Annotated[str, time_field("When it was made.")]
    last_seen: Annotated[str, time_field("When a command was last connected, to ten seconds.")]
    ended: Annotated[str | None, field("When it ended; null while it has not.", NULL, format="date-time")]
    ended_reason: Annotated[EndReason | None, field("Why it ended; null while it has not.", NULL)]


class NewListenSessionResource(ListenSessionResource):
    """A session that was just made, with what the command needs."""

    secret: Annotated[str, field("What signs the events that it gets.", EXAMPLE_SECRET)]
    socket_url: Annotated[
        str,
        field(
            "Where the command connects, with its API key, by a WebSocket.",
            "wss://flux.example.com/v1/listen/lsn_019bc0d6f4c57b3e9f21c4d8e6a70010/socket",
            format="uri",
        ),
    ]


@routes.post("/v1/listen")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "listen_sessions.create",
    "Begin to listen",
    {HTTPStatus.CREATED: NewListenSessionResource},
    body=ListenBody,
    body_kind=BodyKind.MAY_BE_LEFT_OUT,
    headers=("Location",),
    errors=("invalid_event_type", "too_many_listen_sessions"),
)
async def create_listen_session(request: web.Request) -> web.Response:
    """Make a temporary public URL, and a temporary webhook at it.

    `flux listen` does this, connects to `socket_url`, and forwards to your machine whatever anyone sends to the URL.
    The session ends when it is deleted, or when no command was connected for some minutes.
    """
    body = await read_optional_body(request, ListenBody)
    sessions = request.app[DEPENDENCIES].listen_sessions
    reached_at = f"{request.scheme}://{request.host.lower()}"
    made, secret = await sessions.create(
        request[ACCOUNT], Wish(body.events, body.forward_to, body.secret), reached_at=reached_at
    )
    public_url = request.app[DEPENDENCIES].public_url or reached_at
    answer: NewListenSessionResource = {
        **serialize(made),
        "secret": secret,
        "socket_url": f"ws{public_url.removeprefix('http')}/v1/listen/{made.id}/socket",
    }
    return web.json_response(answer, status=HTTPStatus.CREATED, headers={"Location": f"/v1/listen/{made.id}"})


@routes.get("/v1/listen")
@requires_scope(Scope.READ)
@operation("listen_sessions.list", "List listen sessions", {HTTPStatus.OK: PageOf(ListenSessionResource)}, query={})
async def list_listen_sessions(request: web.Request) -> web.Response:
    """List sessions that have not ended, the newest first."""
    parse_filters(request, {})
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].listen_session_queries
    return await list_response(request, account, lambda page: queries.page(account, page), serialize)


@routes.get("/v1/listen/{id}")
@requires_scope(Scope.READ)
@operation(
    "listen_sessions.get",
    "Show a listen session",
    {HTTPStatus.OK: ListenSessionResource},
    path=id_in_path(Prefix.LISTEN_SESSION),
)
async def get_listen_session(request: web.Request) -> web.Response:
    """Show a session, for a day after its end, too."""
    session = ListenSessionId(path_id(request, Prefix.LISTEN_SESSION))
    found = await request.app[DEPENDENCIES].listen_session_queries.get(request[ACCOUNT], session)
    return web.json_response(serialize(or_404(found, session)))


@routes.delete("/v1/listen/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "listen_sessions.end",
    "End a listen session",
    {HTTPStatus.NO_CONTENT: None},
    path=id_in_path(Prefix.LISTEN_SESSION),
)
async def end_listen_session(request: web.Request) -> web.Response:
    """End a session: its URL answers 410 from now on, and its webhook is deleted; the command that was connected stops.

    One that has ended already stays as it is.
    """
    session = ListenSessionId(path_id(request, Prefix.LISTEN_SESSION))
    await request.app[DEPENDENCIES].listen_sessions.end(request[ACCOUNT], session)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def serialize(session: ListenSession) -> ListenSessionResource:
    """Return a session as the API shows it."""
    return {
        "id": session.id,
        "object": "listen_session",
        "url": session.url,
        "events": list(session.events),
        "forward_to": session.forward_to,
        "webhook": session.webhook,
        "status": session.status,
        "created": rfc3339_seconds(session.created_at),
        "last_seen": rfc3339_seconds(session.seen_at),
        "ended": None if session.ended_at is None else rfc3339_seconds(session.ended_at),
        "ended_reason": session.ended_reason,
    }
