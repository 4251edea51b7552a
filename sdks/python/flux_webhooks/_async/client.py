"""The client of the API: one attribute for each resource."""

from __future__ import annotations

from types import TracebackType

from flux_webhooks._async.accounts import AsyncAccounts
from flux_webhooks._async.alert_channels import AsyncAlertChannels
from flux_webhooks._async.alerts import AsyncAlerts
from flux_webhooks._async.api_keys import AsyncApiKeys
from flux_webhooks._async.audit_log import AsyncAuditLog
from flux_webhooks._async.connection import AsyncConnection
from flux_webhooks._async.deliveries import AsyncDeliveries
from flux_webhooks._async.event_types import AsyncEventTypes
from flux_webhooks._async.events import AsyncEvents
from flux_webhooks._async.listen_sessions import AsyncListenSessions
from flux_webhooks._async.portal_links import AsyncPortalLinks
from flux_webhooks._async.recoveries import AsyncRecoveries
from flux_webhooks._async.webhooks import AsyncWebhooks
from flux_webhooks.lazy_httpx import httpx
from flux_webhooks.settings import read_settings


class AsyncFlux:
    """A client of the Flux Dispatch API; make one, share it, and close it (or use it in a `with`).

    Args:
        api_key: `sk_live_…`; the environment's FLUX_API_KEY unless given.
        api_url: where the API is, like https://flux.example.com; the environment's FLUX_API_URL unless given.
        account: whom a platform key acts for, `acct_…` or `ext:…`; each call may name another.
        timeout: seconds that one try may take (30 unless given).
        max_retries: how often a request is sent again where that is safe (2 unless given).
        http_client: one of your own, for proxies and certificates; closing it is then up to you. Without it, those of
            the environment count (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and the like).

    Raises:
        ConfigurationError: one of these cannot be right, or a variable of the environment that is needed.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        api_url: str | None = None,
        account: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        settings = read_settings(api_key, api_url, account, timeout, max_retries)
        self._use(AsyncConnection(settings, http_client))

    def with_account(self, account: str) -> AsyncFlux:
        """Return a client that acts for this account, over the same connections; closing either closes both."""
        other = type(self).__new__(type(self))
        other._use(self._connection.acting_for(account))  # noqa: SLF001 - it is one of us
        return other

    async def close(self) -> None:
        """Close the connections, unless they are those of a client that was given."""
        await self._connection.close()

    async def __aenter__(self) -> AsyncFlux:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        settings = self._connection.settings
        return f"{type(self).__name__}(api_url={settings.api_url!r}, account={settings.account!r})"

    def _use(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.accounts = AsyncAccounts(connection)
        self.alert_channels = AsyncAlertChannels(connection)
        self.alerts = AsyncAlerts(connection)
        self.api_keys = AsyncApiKeys(connection)
        self.audit_log = AsyncAuditLog(connection)
        self.deliveries = AsyncDeliveries(connection)
        self.event_types = AsyncEventTypes(connection)
        self.events = AsyncEvents(connection)
        self.listen_sessions = AsyncListenSessions(connection)
        self.portal_links = AsyncPortalLinks(connection)
        self.recoveries = AsyncRecoveries(connection)
        self.webhooks = AsyncWebhooks(connection)
