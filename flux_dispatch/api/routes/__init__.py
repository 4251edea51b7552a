"""The routes of /v1, a file a resource; a new resource is one line here."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from flux_dispatch.api.routes import accounts, alerts, api_keys, deliveries, event_types, events, portal_links, webhooks

ROUTES: Final[Sequence[web.RouteTableDef]] = (
    webhooks.routes,
    events.routes,
    event_types.routes,
    deliveries.routes,
    alerts.routes,
    accounts.routes,
    api_keys.routes,
    portal_links.routes,
)
