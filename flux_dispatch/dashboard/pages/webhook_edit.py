"""/dashboard/…/webhooks/{id}/edit: what a webhook wants, and where that is sent."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_type_picker import picker
from flux_dispatch.dashboard.paths import webhook_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.dashboard.webhook_form import WebhookForm
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.webhook import Webhook, WebhookChange

routes = web.RouteTableDef()

KEPT: Final = "\N{BULLET}" * 6
"""What stands in the place of a header's value, which is secret; sent back, it keeps the value."""


@routes.get("/{account}/webhooks/{webhook}/edit")
@page(Scope.WEBHOOKS_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Show what can be changed."""
    webhook = await webhook_of(request)
    headers = "\n".join(f"{name}: {KEPT}" for name in webhook.headers or {})
    form = WebhookForm(webhook.url, webhook.description, webhook.events, headers, dict(webhook.metadata))
    return await _form_page(request, webhook, form)


@routes.post("/{account}/webhooks/{webhook}/edit")
@page(Scope.WEBHOOKS_WRITE)
async def change_webhook(request: web.Request) -> web.Response:
    """Change it."""
    webhook = await webhook_of(request)
    form = WebhookForm.read(await request.post())
    try:
        wanted = form.wanted()
        change = WebhookChange(
            url=wanted.url,
            events=wanted.events,
            description=wanted.description,
            headers=_headers(webhook, form),
        )
        await request.app[DEPENDENCIES].webhooks.update(request[ACCOUNT].id, webhook.id, change)
    except InvalidRequest as error:
        return await _form_page(request, webhook, form, error)
    return go_to(request, f"webhooks/{webhook.id}", done="webhook_changed")


def _headers(webhook: Webhook, form: WebhookForm) -> dict[str, str] | None:
    """Return the headers that are asked for; None, which changes none, where they do not open and none is given.

    Raises:
        InvalidRequest: a value shall be kept that there is none of.
    """
    asked = form.header_map()
    if webhook.headers is None and not asked:
        return None
    known = {name.lower(): value for name, value in (webhook.headers or {}).items()}
    for name, value in asked.items():
        if value == KEPT and name.lower() not in known:
            raise InvalidRequest(f"{name} has no value to keep: write the value behind the colon.", param="headers")
    return {name: known[name.lower()] if value == KEPT else value for name, value in asked.items()}


async def _form_page(
    request: web.Request, webhook: Webhook, form: WebhookForm, error: InvalidRequest | None = None
) -> web.Response:
    status = error.status if error else HTTPStatus.OK
    types = await picker(request, form.events)
    return render(request, "webhook_edit.html", status=status, webhook=webhook, form=form, types=types, error=error)
