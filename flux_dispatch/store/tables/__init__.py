"""The tables as SQLAlchemy sees them, a file a resource; the migrations make them, and a test compares the two."""

from flux_dispatch.store.tables.accounts import accounts
from flux_dispatch.store.tables.alert_channels import alert_channels, alert_digests, notifications
from flux_dispatch.store.tables.alerts import alerts
from flux_dispatch.store.tables.api_keys import api_keys
from flux_dispatch.store.tables.audit_log import audit_entries
from flux_dispatch.store.tables.conditions import condition_looks, conditions
from flux_dispatch.store.tables.dashboard_sessions import dashboard_sessions
from flux_dispatch.store.tables.deliveries import attempts, deliveries
from flux_dispatch.store.tables.event_statuses import event_statuses
from flux_dispatch.store.tables.event_types import event_types
from flux_dispatch.store.tables.events import events, fan_outs
from flux_dispatch.store.tables.listen_sessions import listen_sessions
from flux_dispatch.store.tables.metadata import metadata
from flux_dispatch.store.tables.outbox import outbox
from flux_dispatch.store.tables.portal_links import portal_links
from flux_dispatch.store.tables.recoveries import recoveries
from flux_dispatch.store.tables.sealing import sealing
from flux_dispatch.store.tables.statistics import webhook_statistics, webhook_tallies
from flux_dispatch.store.tables.webhook_health import webhook_health
from flux_dispatch.store.tables.webhooks import subscriptions, webhooks

__all__ = [
    "accounts",
    "alert_channels",
    "alert_digests",
    "alerts",
    "api_keys",
    "attempts",
    "audit_entries",
    "condition_looks",
    "conditions",
    "dashboard_sessions",
    "deliveries",
    "event_statuses",
    "event_types",
    "events",
    "fan_outs",
    "listen_sessions",
    "metadata",
    "notifications",
    "outbox",
    "portal_links",
    "recoveries",
    "sealing",
    "subscriptions",
    "webhook_health",
    "webhook_statistics",
    "webhook_tallies",
    "webhooks",
]
