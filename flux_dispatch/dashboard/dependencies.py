"""What the dashboard is made of: handed over by the wiring, so that this package opens nothing itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Protocol

from aiohttp import web

from flux_dispatch.domain.event import EventData, PublishResult
from flux_dispatch.domain.ids import AccountId, ApiKeyId
from flux_dispatch.domain.operations import Answering
from flux_dispatch.domain.trace import TraceLinks
from flux_dispatch.engine.alert_channels import AlertChannels
from flux_dispatch.engine.event_types import EventTypes
from flux_dispatch.engine.export_audit_log import ExportAuditLog
from flux_dispatch.engine.flow.read_limit import ReadLimit
from flux_dispatch.engine.listen_sessions import ListenSessions
from flux_dispatch.engine.recoveries import Recoveries
from flux_dispatch.engine.resend import Resend
from flux_dispatch.engine.retry import Retry
from flux_dispatch.engine.send_test import SendTest
from flux_dispatch.engine.webhooks import Webhooks
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alert_channels import AlertChannelQueries
from flux_dispatch.store.alerts import AlertQueries, AlertStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.audit_log import AuditLogQueries, AuditLogStore
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.event_types import EventTypeQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.listen_sessions import ListenSessionQueries
from flux_dispatch.store.live import LiveQueries
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.overview import OverviewQueries
from flux_dispatch.store.portal_links import PortalLinkStore
from flux_dispatch.store.recoveries import RecoveryQueries
from flux_dispatch.store.statistics import StatisticsQueries
from flux_dispatch.store.webhooks import WebhookQueries


class Publish(Protocol):
    """The publish verb, as the dashboard calls it."""

    async def __call__(
        self, account: AccountId, event_type: str, data: EventData, *, idempotency_key: str | None = None
    ) -> PublishResult:
        """Return when the event is committed."""
        ...


class Workers(Protocol):
    """Asks workers whether they are there."""

    def __call__(self) -> Answering | None:
        """Return at once who answered last, and ask anew where that is a while ago; None: nobody was asked yet."""
        ...


class ForgetKey(Protocol):
    """Has this process ask the database about a key before it trusts it again."""

    def __call__(self, key_id: ApiKeyId) -> None:
        """Forget what is known of it."""
        ...


@dataclass(frozen=True, slots=True)
class Appearance:
    """How the pages of customers look inside a company's own product.

    `accent` is a colour like #3451b2, or None; `frame_origins` are the origins whose pages may frame them.
    """

    name: str = "Flux Dispatch"
    accent: str | None = None
    frame_origins: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The verbs and queries behind the pages.

    `check_readiness` says of the database and of Redis why it cannot be used, None if it can.
    `public_url` is where customers reach this server, None: where the request reached it; `flower_url` is where Flower
    is, None: not told. `trace_links` says where an event's trace is. `trusted_proxies` are believed when they say for
    whom they ask.
    """

    sessions: DashboardSessionStore
    accounts: AccountStore
    api_keys: ApiKeyStore
    forget_key: ForgetKey
    publish: Publish
    retry: Retry
    resend: Resend
    recoveries: Recoveries
    webhooks: Webhooks
    send_test: SendTest
    event_types: EventTypes
    alerts: AlertStore
    listen_sessions: ListenSessions
    alert_channels: AlertChannels
    webhook_queries: WebhookQueries
    event_queries: EventQueries
    event_type_queries: EventTypeQueries
    delivery_queries: DeliveryQueries
    alert_queries: AlertQueries
    alert_channel_queries: AlertChannelQueries
    recovery_queries: RecoveryQueries
    listen_session_queries: ListenSessionQueries
    statistics_queries: StatisticsQueries
    overview_queries: OverviewQueries
    operations_queries: OperationsQueries
    live_queries: LiveQueries
    portal_links: PortalLinkStore
    audit_log: AuditLogStore
    audit_log_queries: AuditLogQueries
    export_audit_log: ExportAuditLog
    workers: Workers
    read_limit: ReadLimit
    check_readiness: Callable[[], Awaitable[Mapping[str, str | None]]]
    appearance: Appearance
    public_url: str | None
    flower_url: str | None
    trace_links: TraceLinks
    max_form_bytes: int
    trusted_proxies: Sequence[IPv4Network | IPv6Network]


DEPENDENCIES: Final = web.AppKey("dashboard_dependencies", Dependencies)
"""Where a handler finds them: `request.app[DEPENDENCIES]`."""
