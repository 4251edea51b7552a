"""The routes of /v1, a file a resource; a new resource is one line here."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from flux_dispatch.api.routes import (
    accounts,
    alert_channels,
    alerts,
    api_keys,
    audit_log,
    deliveries,
    event_types,
    events,
    listen_sessions,
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
    listen_sessions.routes,
    alerts.routes,
    alert_channels.routes,
    accounts.routes,
    api_keys.routes,
    portal_links.routes,
    audit_log.routes,
)
