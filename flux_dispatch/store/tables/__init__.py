"""The tables as SQLAlchemy sees them, a file a resource; the migrations make them, and a test compares the two."""

from flux_dispatch.store.tables.accounts import accounts
from flux_dispatch.store.tables.alerts import alerts
from flux_dispatch.store.tables.api_keys import api_keys
from flux_dispatch.store.tables.deliveries import attempts, deliveries
from flux_dispatch.store.tables.event_statuses import event_statuses
from flux_dispatch.store.tables.event_types import event_types
from flux_dispatch.store.tables.events import events, fan_outs
from flux_dispatch.store.tables.metadata import metadata
from flux_dispatch.store.tables.portal_links import portal_links
from flux_dispatch.store.tables.recoveries import recoveries
from flux_dispatch.store.tables.sealing import sealing
from flux_dispatch.store.tables.statistics import webhook_statistics
from flux_dispatch.store.tables.webhooks import subscriptions, webhooks

__all__ = [
    "accounts",
    "alerts",
    "api_keys",
    "attempts",
    "deliveries",
    "event_statuses",
    "event_types",
    "events",
    "fan_outs",
    "metadata",
    "portal_links",
    "recoveries",
    "sealing",
    "subscriptions",
    "webhook_statistics",
    "webhooks",
]
