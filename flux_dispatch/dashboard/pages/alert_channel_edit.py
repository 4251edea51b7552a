"""/dashboard/…/alert-channels/{id}/edit: what a channel is called and told of, and where that is sent."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.alert_channel_form import (
    KEEP,
    KINDS,
    SECURITIES,
    WAYS_OF_EDIT,
    AlertChannelForm,
    known_way,
)
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import alert_channel_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.alert_channel import MAX_NAME_LENGTH, AlertChannel
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.engine.alert_channels import ChannelWish

routes = web.RouteTableDef()


@routes.get("/{account}/alert-channels/{channel}/edit")
@page(Scope.WEBHOOKS_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Show what can be changed; the way says whether it is to go elsewhere, too."""
    channel = await alert_channel_of(request)
    way = known_way(request.query.get("way", ""), WAYS_OF_EDIT)
    return _form_page(request, channel, AlertChannelForm.of(channel, way))


@routes.post("/{account}/alert-channels/{channel}/edit")
@page(Scope.WEBHOOKS_WRITE)
async def change_alert_channel(request: web.Request) -> web.Response:
    """Change it."""
    channel = await alert_channel_of(request)
    form = AlertChannelForm.read(await request.post(), WAYS_OF_EDIT)
    is_kept = form.way == KEEP
    try:
        wish = ChannelWish(None if is_kept else form.wanted_url(), form.texts["name"], form.wanted_kinds())
        await request.app[DEPENDENCIES].alert_channels.update(request[ACCOUNT].id, channel.id, wish)
    except InvalidRequest as error:
        return _form_page(request, channel, form, form.in_its_words(error))
    return go_to(request, "alert-channels", done="alert_channel_changed" if is_kept else "alert_channel_moved")


def _form_page(
    request: web.Request, channel: AlertChannel, form: AlertChannelForm, error: InvalidRequest | None = None
) -> web.Response:
    return render(
        request,
        "alert_channel_edit.html",
        status=error.status if error else HTTPStatus.OK,
        channel=channel,
        form=form,
        error=error,
        ways=WAYS_OF_EDIT,
        kinds=KINDS,
        securities=SECURITIES,
        max_name=MAX_NAME_LENGTH,
    )
