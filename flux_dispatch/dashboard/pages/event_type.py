"""/dashboard/…/event-types/{name}: what an event type means, what its data is, and which webhooks take it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.json_field import laid_out
from flux_dispatch.dashboard.paths import event_type_of
from flux_dispatch.dashboard.schema_table import schema_table
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import EventData, patterns_that_match, rfc3339_seconds
from flux_dispatch.domain.event_type import EventType
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.pages import Page

routes = web.RouteTableDef()

MAX_LOOKED_AT: Final = 500
"""Among how many webhooks, the newest, those are looked for that take a type."""

MAX_LISTED: Final = 50
"""How many of those are listed."""

MAX_HIGHLIGHTED: Final = 12_000
"""In characters: telling the words of longer code apart takes time that all other requests wait for."""


@dataclass(frozen=True, slots=True)
class Taker:
    """A webhook that takes a type, and by which of its patterns."""

    webhook: Webhook
    patterns: Sequence[str]


@routes.get("/{account}/event-types/{event_type}")
@page(Scope.READ)
async def show_event_type(request: web.Request) -> web.Response:
    """Show an event type."""
    event_type = await event_type_of(request)
    found = await request.app[DEPENDENCIES].webhook_queries.page(request[ACCOUNT].id, Page(MAX_LOOKED_AT + 1))
    takers = _takers(event_type.name, found[:MAX_LOOKED_AT])
    return render(
        request,
        "event_type.html",
        event_type=event_type,
        table=schema_table(event_type.schema) if event_type.schema else None,
        schema=laid_out(event_type.schema),
        payload=_payload(event_type),
        takers=takers[:MAX_LISTED],
        unlisted=len(takers) - MAX_LISTED,
        max_highlighted=MAX_HIGHLIGHTED,
        looked_at=MAX_LOOKED_AT if len(found) > MAX_LOOKED_AT else None,
    )


@routes.post("/{account}/event-types/{event_type}/publish")
@page(Scope.EVENTS_WRITE, is_for_customers=False)
async def publish_example(request: web.Request) -> web.Response:
    """Publish the example, and go on to the event that it became."""
    event_type = await event_type_of(request)
    if event_type.example is None:
        raise InvalidRequest("This event type has no example to publish. Add one first.", param="example")
    data = EventData(event_type.example)
    published = await request.app[DEPENDENCIES].publish(request[ACCOUNT].id, event_type.name, data)
    return go_to(request, f"events/{published.event.id}", done="event_published")


@routes.post("/{account}/event-types/{event_type}/archive")
@page(Scope.EVENT_TYPES_WRITE)
async def archive_event_type(request: web.Request) -> web.Response:
    """Archive it."""
    event_type = await event_type_of(request)
    await request.app[DEPENDENCIES].event_types.archive(request[ACCOUNT].id, event_type.name)
    return go_to(request, f"event-types/{event_type.name}", done="event_type_archived")


def _takers(event_type: str, webhooks: Sequence[Webhook]) -> list[Taker]:
    wanted = set(patterns_that_match(event_type))
    by_patterns = ((each, [pattern for pattern in each.events if pattern in wanted]) for each in webhooks)
    return [Taker(webhook, patterns) for webhook, patterns in by_patterns if patterns]


def _payload(event_type: EventType) -> str | None:
    """Return the example as an endpoint gets it, laid out; None where there is no example."""
    if event_type.example is None:
        return None
    head = {"id": "evt_…", "type": event_type.name, "created": rfc3339_seconds(datetime.now(UTC))}
    return json.dumps({**head, "data": json.loads(event_type.example)}, indent=2, ensure_ascii=False)
