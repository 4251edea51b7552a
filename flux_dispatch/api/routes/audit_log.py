"""/v1/audit-log: who did what, as the API lists and exports it."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, cast

from aiohttp import hdrs, web
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, API_KEY, PLATFORM, ActsFor, reads_much, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, id_pattern, time_field
from flux_dispatch.api.filters import FilterParsers, Parameter, one_of, parse_filters, parse_parameters, time_filter
from flux_dispatch.api.openapi.operation import FileOf, PageOf, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.rate_limit import HEADERS
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.audit_action import NOUNS, Action
from flux_dispatch.domain.audit_entry import ActorKind, AuditEntry, Reader
from flux_dispatch.domain.audit_export import ExportFormat, as_object
from flux_dispatch.domain.audit_filter import ACTOR_IDS, TARGET, validate_actions, validate_actor, validate_target
from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.ids import Prefix, example_id
from flux_dispatch.web.download import send_pieces
from flux_dispatch.web.request_id import REQUEST_ID

routes = web.RouteTableDef()

_EVERY_ACTION: Final = [*(each.replace(".", r"\.") for each in Action), *(rf"{noun}\.\*" for noun in NOUNS)]

_FILTERS: Final[FilterParsers] = {
    "action": Parameter(
        validate_actions,
        {
            "type": "string",
            "pattern": rf"^({'|'.join(_EVERY_ACTION)})$",
            "examples": [Action.WEBHOOK_UPDATED],
        },
        "Only this action, or with `webhook.*` all that is done to webhooks.",
    ),
    "actor": Parameter(
        validate_actor,
        {
            "type": "string",
            "pattern": "|".join([*(id_pattern(each) for each in ACTOR_IDS), f"^({'|'.join(ActorKind)})$"]),
            "examples": [example_id(Prefix.API_KEY)],
        },
        "Only what was done with this API key, in this session, or by actors of this kind.",
    ),
    "target": Parameter(
        validate_target,
        {
            "type": "string",
            "pattern": f"^{TARGET}$",
            "maxLength": MAX_TYPE_LENGTH,
            "examples": [example_id(Prefix.WEBHOOK)],
        },
        "Only what was done to the thing of this id; an event type's is its name.",
    ),
    "created_after": time_filter("Only after this time."),
    "created_before": time_filter("Only before this time."),
}
_FORMAT: Final = {
    "format": one_of(ExportFormat, "As CSV with a heading, or as JSON, one entry a line (jsonl, unless told).")
}


_EXAMPLES: Final = {
    ExportFormat.CSV.media_type: '"id","created",…\r\n"aud_019bc0d6…","2026-01-15T10:30:00.123Z",…\r\n',
    ExportFormat.JSONL.media_type: '{"id": "aud_019bc0d6…", "object": "audit_entry", …}\n',
}


class AuditActorResource(TypedDict):
    """Who did something."""

    kind: Annotated[ActorKind, field("What kind of actor.", "api_key")]
    name: Annotated[str | None, field("What to call them; null where that is not known, or not yours to know.", NULL)]
    api_key: Annotated[str | None, id_field(Prefix.API_KEY, "The key that was given, also when signing in.")]
    session: Annotated[str | None, id_field(Prefix.DASHBOARD_SESSION, "The session in the dashboard.")]


class AuditTargetResource(TypedDict):
    """What something was done to."""

    kind: Annotated[str, field("What kind of thing.", "webhook")]
    id: Annotated[
        str | None, field("Its id; an event type's is its name. Null for several.", example_id(Prefix.WEBHOOK))
    ]
    name: Annotated[str | None, field("What it was called then.", "Billing")]


class AuditEntryResource(TypedDict):
    """One line of the audit log: somebody did something."""

    id: Annotated[str, id_field(Prefix.AUDIT_ENTRY)]
    object: Literal["audit_entry"]
    created: Annotated[str, time_field("When it was done.")]
    account: Annotated[str | None, id_field(Prefix.ACCOUNT, "Whose log it stands in; null: the platform's.")]
    action: Annotated[str, field("What was done.", Action.WEBHOOK_UPDATED)]
    summary: Annotated[
        str,
        field("The same as a sentence; for people, and may change.", "API key Billing sk_live_…x7Qa changed the URL."),
    ]
    actor: Annotated[AuditActorResource, field("Who did it.")]
    target: Annotated[AuditTargetResource | None, field("What it was done to; null where it was to no single thing.")]
    changes: Annotated[
        dict[str, Any],
        field(
            "What was changed, by the names of fields: before and after each. Of secrets, names alone.",
            {"url": {"before": "https://example.com/a", "after": "https://example.com/b"}},
        ),
    ]
    request_id: Annotated[str | None, field("The request that it was done by.", "req_4f1c2a9be07d5b3c8e6f1a20")]
    address: Annotated[str | None, field("From which address that came.", "203.0.113.7")]
    user_agent: Annotated[str | None, field("What the client called itself.", "flux-webhooks-python/0.1.0")]


@routes.get("/v1/audit-log")
@requires_scope(Scope.AUDIT_LOG_READ, ActsFor.EITHER)
@reads_much
@operation(
    "audit_log.list",
    "List the audit log",
    {HTTPStatus.OK: PageOf(AuditEntryResource)},
    query=_FILTERS,
    errors=("too_many_reads",),
)
async def list_audit_log(request: web.Request) -> web.Response:
    """List who did what, the newest first; a platform key that names no account sees the platform's own log.

    Who asks for the log of an account is told that its platform did something, and not who there, or from where.
    """
    filters = _for_store(parse_filters(request, _FILTERS))
    account, reader = request.get(ACCOUNT), reader_of(request)
    queries = request.app[DEPENDENCIES].audit_log_queries
    return await list_response(
        request, account or PLATFORM, lambda page: queries.page(account, page, filters, reader), serialize
    )


@routes.get("/v1/audit-log/export")
@requires_scope(Scope.AUDIT_LOG_READ, ActsFor.EITHER)
@operation(
    "audit_log.export",
    "Export the audit log",
    {HTTPStatus.OK: FileOf(_EXAMPLES)},
    query={**_FORMAT, **_FILTERS},
    headers=("Content-Disposition",),
    errors=("too_many_reads",),
)
async def export_audit_log(request: web.Request) -> web.StreamResponse:
    """Answer all of the log that the filters leave, the newest first, as it is read; the export stands there, too.

    In the CSV an apostrophe stands before what a spreadsheet might take for a formula. An answer that is cut off is not
    whole: ask for it again.
    """
    given = parse_parameters(request, {**_FORMAT, **_FILTERS})
    form = ExportFormat(given.pop("format", ExportFormat.JSONL))
    asked = {name: request.query[name] for name in given}
    headers = {
        "Content-Type": f"{form.media_type}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="audit-log.{form}"',
        "Cache-Control": "no-store",
        "X-Request-Id": request[REQUEST_ID],
        **request.get(HEADERS, {}),
    }
    if request.method == hdrs.METH_HEAD:
        return web.Response(headers=headers)
    export = request.app[DEPENDENCIES].export_audit_log
    pieces = await export(request.get(ACCOUNT), reader_of(request), form, asked, _for_store(given))
    return await send_pieces(request, pieces, headers)


def reader_of(request: web.Request) -> Reader:
    """Return as whom the key reads."""
    return Reader.PLATFORM if request[API_KEY].account is None else Reader.ACCOUNT


def serialize(entry: AuditEntry) -> AuditEntryResource:
    """Return an entry as the API shows it."""
    return cast(AuditEntryResource, as_object(entry))


def _for_store(given: dict[str, Any]) -> dict[str, Any]:
    return {("actions" if name == "action" else name): value for name, value in given.items()}
