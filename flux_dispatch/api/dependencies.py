"""What the API is made of: handed over by the wiring, so that this package opens nothing itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from flux_dispatch.domain.event import EventData, PublishResult
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.webhooks import Webhooks
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alerts import AlertQueries, AlertStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.statistics import StatisticsQueries
from flux_dispatch.store.webhooks import WebhookQueries


class Publish(Protocol):
    """The publish verb, as the API calls it."""

    async def __call__(
        self, account: AccountId, event_type: str, data: EventData, *, idempotency_key: str | None = None
    ) -> PublishResult:
        """Return when the event is committed."""
        ...


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The verbs and queries behind the routes.

    `check_readiness` says of each part why it cannot be used, None if it can; without `database` the API is not ready.
    """

    publish: Publish
    webhooks: Webhooks
    webhook_queries: WebhookQueries
    event_queries: EventQueries
    delivery_queries: DeliveryQueries
    alert_queries: AlertQueries
    alerts: AlertStore
    statistics_queries: StatisticsQueries
    api_keys: ApiKeyStore
    accounts: AccountStore
    check_readiness: Callable[[], Awaitable[Mapping[str, str | None]]]
    max_body_bytes: int


DEPENDENCIES: Final = web.AppKey("dependencies", Dependencies)
"""Where a handler finds them: `request.app[DEPENDENCIES]`."""
