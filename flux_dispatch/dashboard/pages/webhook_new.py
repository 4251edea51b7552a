"""/dashboard/…/webhooks/new: Add Endpoint; then what comes next: the secret, how to verify, and a first test."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.attempts import AttemptedDelivery, attempted
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_type_picker import picker
from flux_dispatch.dashboard.paths import checked_id, webhook_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.dashboard.webhook_form import WebhookForm
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import DeliveryId, Prefix

routes = web.RouteTableDef()

READY_FOR: Final = timedelta(minutes=15)
"""How long after a webhook was made its secret stands open on the page that follows; then it has to be revealed."""


@routes.get("/{account}/webhooks/new")
@page(Scope.WEBHOOKS_WRITE)
async def show_form(request: web.Request) -> web.Response:
    """Ask for the endpoint."""
    wanted = [each for each in request.query.getall("event", []) if each]
    return await _form_page(request, WebhookForm(url=request.query.get("url", ""), events=wanted))


@routes.get("/{account}/webhooks/check-url")
@page(Scope.WEBHOOKS_WRITE)
async def check_url(request: web.Request) -> web.Response:
    """Say what is wrong with a URL, for the script that asks when the field is left."""
    try:
        request.app[DEPENDENCIES].webhooks.check_url(request.query.get("url", ""))
    except InvalidRequest as error:
        return web.json_response({"problem": error.message})
    return web.json_response({"problem": None})


@routes.post("/{account}/webhooks/new")
@page(Scope.WEBHOOKS_WRITE)
async def create_webhook(request: web.Request) -> web.Response:
    """Create it, and go on to its secret."""
    form = WebhookForm.read(await request.post())
    try:
        made, _ = await request.app[DEPENDENCIES].webhooks.create(request[ACCOUNT].id, form.wanted())
    except InvalidRequest as error:
        return await _form_page(request, form, error)
    return go_to(request, f"webhooks/{made.id}/ready")


@routes.get("/{account}/webhooks/{webhook}/ready")
@page(Scope.WEBHOOKS_WRITE)
async def show_ready(request: web.Request) -> web.Response:
    """Show the secret of a webhook that was just made, what to do with it, and what its test came to."""
    found = await webhook_of(request)
    if datetime.now(UTC) - found.created_at > READY_FOR:
        return go_to(request, f"webhooks/{found.id}")
    if request.method == hdrs.METH_HEAD:  # it shows no secret, so the audit log must not say that one was seen
        return web.Response(content_type="text/html")
    secrets = await request.app[DEPENDENCIES].webhooks.reveal_secret(request[ACCOUNT].id, found.id)
    return render(
        request,
        "webhook_ready.html",
        webhook=found,
        secret=secrets.newest,
        tested=await _tested(request),
    )


@routes.post("/{account}/webhooks/{webhook}/ready")
@page(Scope.WEBHOOKS_WRITE)
async def send_test(request: web.Request) -> web.Response:
    """Send a test, and show what came of it."""
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    webhook = await webhook_of(request)
    delivery = await dependencies.send_test(account, webhook.id)
    await dependencies.send_test.wait(account, delivery)
    return go_to(request, f"webhooks/{webhook.id}/ready?test={delivery}")


async def _tested(request: web.Request) -> AttemptedDelivery | None:
    """Return the test that the address names."""
    named = request.query.get("test")
    return await attempted(request, DeliveryId(checked_id(named, Prefix.DELIVERY))) if named else None


async def _form_page(request: web.Request, form: WebhookForm, error: InvalidRequest | None = None) -> web.Response:
    status = error.status if error else HTTPStatus.OK
    types = await picker(request, form.events)
    return render(request, "webhook_new.html", status=status, form=form, types=types, error=error)
