"""/dashboard/…/alert-channels/new: saying where one wants to be told of failures."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.alert_channel_form import KINDS, SECURITIES, WAYS, AlertChannelForm, known_way
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.alert_channel import MAX_NAME_LENGTH
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest

routes = web.RouteTableDef()


@routes.get("/{account}/alert-channels/new")
@page(Scope.WEBHOOKS_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Ask where to."""
    return _form_page(request, AlertChannelForm(known_way(request.query.get("way", ""))))


@routes.post("/{account}/alert-channels/new")
@page(Scope.WEBHOOKS_WRITE)
async def create_alert_channel(request: web.Request) -> web.Response:
    """Make it, and go on to the list, where it can be tried out."""
    form = AlertChannelForm.read(await request.post())
    channels = request.app[DEPENDENCIES].alert_channels
    try:
        made = await channels.create(request[ACCOUNT].id, form.wanted_url(), form.texts["name"], form.wanted_kinds())
    except InvalidRequest as error:
        return _form_page(request, form, form.in_its_words(error))
    return go_to(request, f"alert-channels?made={made.id}", done="alert_channel_created")


def _form_page(request: web.Request, form: AlertChannelForm, error: InvalidRequest | None = None) -> web.Response:
    return render(
        request,
        "alert_channel_new.html",
        status=error.status if error else HTTPStatus.OK,
        form=form,
        error=error,
        ways=WAYS,
        kinds=KINDS,
        securities=SECURITIES,
        max_name=MAX_NAME_LENGTH,
    )
