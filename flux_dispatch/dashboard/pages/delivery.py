"""/dashboard/…/deliveries/{id}: one delivery: each attempt, what was sent, what came back, and retrying it."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.attempts import AttemptedDelivery, attempted
from flux_dispatch.dashboard.curl import sending
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.excerpt import Excerpt, answer_excerpt, payload_excerpt
from flux_dispatch.dashboard.paths import id_in_path
from flux_dispatch.dashboard.phase_bar import PhaseBar, phase_bar
from flux_dispatch.dashboard.refusals import retry_refused
from flux_dispatch.dashboard.request_as_sent import headers_as_sent
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import DeliveryId, EventId, Prefix, WebhookId, format_id
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.live import delivery_from_row

routes = web.RouteTableDef()

MAX_ATTEMPTS: Final = 50
"""How many attempts the page tells of, the newest ones: somebody may have retried it again and again."""

MAX_IN_COMMAND: Final = 8192
"""In bytes: a larger body is no longer handy in a command."""

RETRIED: Final = frozenset({State.PENDING, State.SCHEDULED, State.FAILED, State.CANCELED})
"""In which states a delivery can be retried."""


@dataclass(frozen=True, slots=True)
class AttemptOnPage:
    """One attempt, where its time went, and what came back."""

    record: AttemptRecord
    bar: PhaseBar
    answer: Excerpt | None


@routes.get("/{account}/deliveries/{delivery}")
@page(Scope.READ)
async def show_delivery(request: web.Request) -> web.Response:
    """Show a delivery with its attempts."""
    return await _delivery_page(request)


@routes.post("/{account}/deliveries/{delivery}/retry")
@page(Scope.EVENTS_WRITE)
async def retry_delivery(request: web.Request) -> web.Response:
    """Have it attempted at once."""
    delivery = DeliveryId(id_in_path(request, "delivery", Prefix.DELIVERY))
    try:
        await request.app[DEPENDENCIES].retry(request[ACCOUNT].id, delivery)
    except InvalidRequest as error:
        return await _delivery_page(request, retry_refused(error))
    return go_to(request, f"deliveries/{delivery}", done="delivery_retried")


async def _delivery_page(request: web.Request, error: InvalidRequest | None = None) -> web.Response:
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    found = await attempted(request, DeliveryId(id_in_path(request, "delivery", Prefix.DELIVERY)))
    event = cast(EventId, format_id(Prefix.EVENT, found.row.event_id.hex))
    webhook = await dependencies.webhook_queries.get(
        account, cast(WebhookId, format_id(Prefix.WEBHOOK, found.row.webhook_id.hex))
    )
    stored = await dependencies.event_queries.get(account, event)
    body = stored.body if stored is not None else b""
    return render(
        request,
        "delivery.html",
        status=error.status if error else HTTPStatus.OK,
        delivery=found,
        progress=delivery_from_row(found.row),
        event=event,
        webhook=webhook,
        attempts=_on_page(found.attempts),
        can_retry=found.row.state in RETRIED and not found.row.is_test,
        error=error,
        **_request(found, event, webhook, body),
    )


def _request(found: AttemptedDelivery, event: EventId, webhook: Webhook | None, body: bytes) -> dict[str, Any]:
    """Return what was sent in the last attempt, or is going to be in the first."""
    number, started_at = (found.last.number, found.last.started_at) if found.last else (1, None)
    own_headers = list(webhook.headers or ()) if webhook else []
    headers = headers_as_sent(event, found.id, number, started_at, own_headers)
    is_handy = len(body) <= MAX_IN_COMMAND
    return {
        "headers": headers,
        "body": payload_excerpt(body),
        "size_bytes": len(body),
        "curl": sending(str(found.row.url), headers, body.decode("ascii")) if is_handy else "",
    }


def _on_page(attempts: Sequence[AttemptRecord]) -> list[AttemptOnPage]:
    """Return the newest attempts, the newest first."""
    told = attempts[: -MAX_ATTEMPTS - 1 : -1]
    most = max((each.duration_seconds for each in told), default=0)
    return [
        AttemptOnPage(each, phase_bar(each, most), None if each.excerpt is None else answer_excerpt(each.excerpt))
        for each in told
    ]
