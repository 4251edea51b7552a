"""The routes of /v1, a file a resource; a new resource is one line here."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from flux_dispatch.api.routes import (
    accounts,
    alerts,
    api_keys,
    deliveries,
    event_types,
    events,
    portal_links,
    recoveries,
    resend,
    send_test,
    webhook_stats,
    webhooks,
)

ROUTES: Final[Sequence[web.RouteTableDef]] = (
    webhooks.routes,
    webhook_stats.routes,
    send_test.routes,
    events.routes,
    resend.routes,
    event_types.routes,
    deliveries.routes,
    recoveries.routes,
    alerts.routes,
    accounts.routes,
    api_keys.routes,
    portal_links.routes,
)
