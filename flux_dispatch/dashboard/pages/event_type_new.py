"""/dashboard/…/event-types/+new: putting an event type into the catalogue. No event type can be called `+new`."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_type_form import EventTypeForm, refused
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import validate_event_type

routes = web.RouteTableDef()


@routes.get("/{account}/event-types/+new")
@page(Scope.EVENT_TYPES_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Ask what it is; one that is named, like an archived one to be brought back, stands there as it was."""
    name = request.query.get("name", "").strip()
    form = EventTypeForm(name=name)
    try:
        found = await request.app[DEPENDENCIES].event_type_queries.get(request[ACCOUNT].id, validate_event_type(name))
    except InvalidRequest:
        found = None
    return _form_page(request, EventTypeForm.of(found) if found else form)


@routes.post("/{account}/event-types/+new")
@page(Scope.EVENT_TYPES_WRITE)
async def create_event_type(request: web.Request) -> web.Response:
    """Describe it."""
    form = EventTypeForm.read(await request.post())
    try:
        values = {"name": form.name, **form.values()}
        made = await request.app[DEPENDENCIES].event_types.create(request[ACCOUNT].id, values)
    except InvalidRequest as error:
        return _form_page(request, form, refused(error))
    return go_to(request, f"event-types/{made.name}", done="event_type_described")


def _form_page(request: web.Request, form: EventTypeForm, error: InvalidRequest | None = None) -> web.Response:
    status = error.status if error else HTTPStatus.OK
    return render(request, "event_type_new.html", status=status, form=form, error=error)
