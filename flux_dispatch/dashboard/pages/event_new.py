"""/dashboard/…/events/new: publishing an event by hand; customers resend what happened, and make nothing happen."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_form import EventForm
from flux_dispatch.dashboard.event_type_picker import every_type
from flux_dispatch.dashboard.excerpt import MOST
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.web.json_layout import indented

routes = web.RouteTableDef()


@routes.get("/{account}/events/new")
@page(Scope.EVENTS_WRITE, is_for_customers=False)
async def show_form(request: web.Request) -> web.Response:
    """Ask for the event; of a type that is named, the catalogue's example stands there."""
    event_type, example = request.query.get("type", "")[:200], None
    if event_type and "\0" not in event_type:
        found = await request.app[DEPENDENCIES].event_type_queries.get(request[ACCOUNT].id, event_type)
        example = found.example if found else None
    return await _form_page(request, EventForm(event_type, indented(example, MOST)[:MOST] if example else ""))


@routes.post("/{account}/events/new")
@page(Scope.EVENTS_WRITE, is_for_customers=False)
async def publish_event(request: web.Request) -> web.Response:
    """Publish it, and go on to its page."""
    form = EventForm.read(await request.post())
    try:
        event_type, data = form.wanted()
        published = await request.app[DEPENDENCIES].publish(request[ACCOUNT].id, event_type, data)
    except InvalidRequest as error:
        return await _form_page(request, form, error)
    return go_to(request, f"events/{published.event.id}", done="event_published")


async def _form_page(request: web.Request, form: EventForm, error: InvalidRequest | None = None) -> web.Response:
    types = await every_type(request.app[DEPENDENCIES].event_type_queries, request[ACCOUNT].id)
    return render(
        request,
        "event_new.html",
        status=error.status if error else HTTPStatus.OK,
        form=form,
        types=sorted(each.name for each in types if each.archived_at is None),
        error=error,
    )
