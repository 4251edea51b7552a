"""The client of the API: one attribute for each resource."""

from __future__ import annotations

from types import TracebackType

from flux_webhooks._sync.accounts import Accounts
from flux_webhooks._sync.alert_channels import AlertChannels
from flux_webhooks._sync.alerts import Alerts
from flux_webhooks._sync.api_keys import ApiKeys
from flux_webhooks._sync.audit_log import AuditLog
from flux_webhooks._sync.connection import Connection
from flux_webhooks._sync.deliveries import Deliveries
from flux_webhooks._sync.event_types import EventTypes
from flux_webhooks._sync.events import Events
from flux_webhooks._sync.listen_sessions import ListenSessions
from flux_webhooks._sync.portal_links import PortalLinks
from flux_webhooks._sync.recoveries import Recoveries
from flux_webhooks._sync.webhooks import Webhooks
from flux_webhooks.lazy_httpx import httpx
from flux_webhooks.settings import read_settings


class Flux:
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
        http_client: httpx.Client | None = None,
    ) -> None:
        settings = read_settings(api_key, api_url, account, timeout, max_retries)
        self._use(Connection(settings, http_client))

    def with_account(self, account: str) -> Flux:
        """Return a client that acts for this account, over the same connections; closing either closes both."""
        other = type(self).__new__(type(self))
        other._use(self._connection.acting_for(account))  # noqa: SLF001 - it is one of us
        return other

    def close(self) -> None:
        """Close the connections, unless they are those of a client that was given."""
        self._connection.close()

    def __enter__(self) -> Flux:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self._connection.settings
        return f"{type(self).__name__}(api_url={settings.api_url!r}, account={settings.account!r})"

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        self.accounts = Accounts(connection)
        self.alert_channels = AlertChannels(connection)
        self.alerts = Alerts(connection)
        self.api_keys = ApiKeys(connection)
        self.audit_log = AuditLog(connection)
        self.deliveries = Deliveries(connection)
        self.event_types = EventTypes(connection)
        self.events = Events(connection)
        self.listen_sessions = ListenSessions(connection)
        self.portal_links = PortalLinks(connection)
        self.recoveries = Recoveries(connection)
        self.webhooks = Webhooks(connection)
