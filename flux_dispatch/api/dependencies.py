"""What the API is made of: handed over by the wiring, so that this package opens nothing itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Protocol

from aiohttp import web

from flux_dispatch.api.cursors import Cursors
from flux_dispatch.domain.event import EventData, EventDraft, PublishResult
from flux_dispatch.domain.ids import AccountId
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
from flux_dispatch.store.audit_log import AuditLogQueries
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.event_types import EventTypeQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.listen_sessions import ListenSessionQueries
from flux_dispatch.store.portal_links import PortalLinkStore
from flux_dispatch.store.recoveries import RecoveryQueries
from flux_dispatch.store.statistics import StatisticsQueries
from flux_dispatch.store.webhooks import WebhookQueries


class Publish(Protocol):
    """The publish verb, as the API calls it."""

    @property
    def stored_events(self) -> int:
        """How many it has stored in this process."""
        ...

    async def __call__(
        self, account: AccountId, event_type: str, data: EventData, *, idempotency_key: str | None = None
    ) -> PublishResult:
        """Return when the event is committed."""
        ...

    async def batch(self, account: AccountId, drafts: Sequence[EventDraft]) -> list[PublishResult]:
        """Return when all of these events are committed, in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """What a request takes of one limit of its key: `cost` of `per_second` things; `name` is what they are.

    `taken` is how many the same request has taken before: they do not stand in its own way.
    """

    name: str
    per_second: int
    cost: int
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How one limit stands: how many things are left, and in how many seconds all are.

    `retry_seconds` is when the next one is there; 0 where the request may be served.
    """

    use: Use
    remaining: int
    full_seconds: float
    retry_seconds: float


class Counter(Protocol):
    """Counts what keys ask for, for all processes."""

    async def take(self, key_id: str, uses: Sequence[Use]) -> list[Allowance] | None:
        """Take all that a request uses, or nothing if a limit has nothing left; None when nobody can count now."""
        ...


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The verbs and queries behind the routes.

    `check_readiness` says of each part why it cannot be used, None if it can; without `database` the API is not ready.
    `public_url` is where customers reach this API; None: where the request reached it. `trusted_proxies` are believed
    when they say for whom they ask.
    """

    publish: Publish
    retry: Retry
    recoveries: Recoveries
    resend: Resend
    webhooks: Webhooks
    send_test: SendTest
    webhook_queries: WebhookQueries
    event_queries: EventQueries
    event_types: EventTypes
    event_type_queries: EventTypeQueries
    delivery_queries: DeliveryQueries
    alert_queries: AlertQueries
    alerts: AlertStore
    alert_channels: AlertChannels
    alert_channel_queries: AlertChannelQueries
    statistics_queries: StatisticsQueries
    cursors: Cursors
    recovery_queries: RecoveryQueries
    listen_sessions: ListenSessions
    listen_session_queries: ListenSessionQueries
    api_keys: ApiKeyStore
    accounts: AccountStore
    portal_links: PortalLinkStore
    audit_log_queries: AuditLogQueries
    export_audit_log: ExportAuditLog
    counter: Counter
    read_limit: ReadLimit
    check_readiness: Callable[[], Awaitable[Mapping[str, str | None]]]
    max_body_bytes: int
    public_url: str | None
    trusted_proxies: Sequence[IPv4Network | IPv6Network]


DEPENDENCIES: Final = web.AppKey("dependencies", Dependencies)
"""Where a handler finds them: `request.app[DEPENDENCIES]`."""
