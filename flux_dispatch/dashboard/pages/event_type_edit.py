"""/dashboard/…/event-types/{name}/edit: what an event type means, its example and its schema."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_type_form import EventTypeForm
from flux_dispatch.dashboard.paths import event_type_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import EventType

routes = web.RouteTableDef()

_CHANGED = (
    "Somebody has changed this event type since you opened the form. Look at it in another tab: what you save now "
    "takes the place of that."
)


@routes.get("/{account}/event-types/{event_type}/edit")
@page(Scope.EVENT_TYPES_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Show what can be changed."""
    event_type = await event_type_of(request)
    return _form_page(request, event_type, EventTypeForm.of(event_type))


@routes.post("/{account}/event-types/{event_type}/edit")
@page(Scope.EVENT_TYPES_WRITE)
async def change_event_type(request: web.Request) -> web.Response:
    """Change it."""
    event_type = await event_type_of(request)
    form = EventTypeForm.read(await request.post())
    if form.version != str(event_type.version):
        return _form_page(request, event_type, form, InvalidRequest(_CHANGED, status=HTTPStatus.CONFLICT))
    try:
        await request.app[DEPENDENCIES].event_types.update(request[ACCOUNT].id, event_type.name, form.values())
    except InvalidRequest as error:
        return _form_page(request, event_type, form, error)
    return go_to(request, f"event-types/{event_type.name}", done="event_type_changed")


def _form_page(
    request: web.Request, event_type: EventType, form: EventTypeForm, error: InvalidRequest | None = None
) -> web.Response:
    status = error.status if error else HTTPStatus.OK
    return render(request, "event_type_edit.html", status=status, event_type=event_type, form=form, error=error)
