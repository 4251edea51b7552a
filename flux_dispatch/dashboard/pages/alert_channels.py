"""/dashboard/…/alert-channels: who is told of failures, whether messages arrive, and a test of each."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from flux_dispatch.channels.services import SERVICES
from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.alert_channel_form import KINDS, WAYS
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import alert_channel_of, id_in_path
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.alert_channel import UNREACHABLE
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import AlertChannelId, Prefix
from flux_dispatch.engine.alert_channels import ChannelWish

routes = web.RouteTableDef()

_SERVICES: Final[Mapping[str, str]] = {**{each.name: each.title for each in SERVICES}, **WAYS}
"""What a channel is called that has no name; where the form offers it, as it is called there."""

_REASONS: Final = {
    UNREACHABLE: "Every message has failed for five days, so it is told nothing more. Send a test, then enable it.",
}
_BY_HAND: Final = "It was disabled by hand, and is told nothing."


@routes.get("/{account}/alert-channels")
@page(Scope.READ)
async def list_alert_channels(request: web.Request) -> web.Response:
    """List channels, the newest first."""
    at = paging.page_at(request, [Prefix.ALERT_CHANNEL])
    found = await request.app[DEPENDENCIES].alert_channel_queries.page(request[ACCOUNT].id, at)
    channels = found[: paging.ROWS]
    return render(
        request,
        "alert_channels.html",
        channels=channels,
        services=_SERVICES,
        kinds={kind.value: name for kind, (name, _) in KINDS.items()},
        why={each.id: _REASONS.get(each.disabled_reason or "", _BY_HAND) for each in channels if each.disabled_reason},
        older=paging.older(request, len(found), [channels[-1].id] if channels else []),
        newest=paging.newest(request),
    )


@routes.post("/{account}/alert-channels/{channel}/test")
@page(Scope.WEBHOOKS_WRITE)
async def send_test(request: web.Request) -> web.Response:
    """Send a test, and show what came of it."""
    channel = _channel_in_path(request)
    error = await request.app[DEPENDENCIES].alert_channels.send_test(request[ACCOUNT].id, channel)
    done = "alert_channel_test_sent" if error is None else "alert_channel_test_failed"
    return go_to(request, "alert-channels", done=done)


@routes.post("/{account}/alert-channels/{channel}/status")
@page(Scope.WEBHOOKS_WRITE)
async def change_status(request: web.Request) -> web.Response:
    """Enable it, or disable it."""
    status = str((await request.post()).get("status", ""))
    wish = ChannelWish(status=status)
    await request.app[DEPENDENCIES].alert_channels.update(request[ACCOUNT].id, _channel_in_path(request), wish)
    return go_to(request, "alert-channels", done=f"alert_channel_{status}")


@routes.get("/{account}/alert-channels/{channel}/delete")
@page(Scope.WEBHOOKS_WRITE)
async def show_question(request: web.Request) -> web.Response:
    """Ask whether that is meant."""
    return render(request, "alert_channel_delete.html", channel=await alert_channel_of(request))


@routes.post("/{account}/alert-channels/{channel}/delete")
@page(Scope.WEBHOOKS_WRITE)
async def delete_alert_channel(request: web.Request) -> web.Response:
    """Delete it."""
    channel = _channel_in_path(request)
    await request.app[DEPENDENCIES].alert_channels.delete(request[ACCOUNT].id, channel)
    return go_to(request, "alert-channels", done="alert_channel_deleted")


def _channel_in_path(request: web.Request) -> AlertChannelId:
    return AlertChannelId(id_in_path(request, "channel", Prefix.ALERT_CHANNEL))
