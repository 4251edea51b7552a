"""What stands around every page: whose it is, where else one can go, and what the forms in it need."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard import cookies, forgery
from flux_dispatch.dashboard.admission import ACCOUNT, SAFE_METHODS, SESSION
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.account import Account
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.dashboard_session import DashboardSession

ROOT: Final = "/dashboard"

NOTICES: Final[Mapping[str, str]] = {
    "webhook_changed": "Saved. Attempts from now on go by this.",
    "webhook_disabled": "Disabled. What it still waited for is canceled, and can be recovered once it is enabled.",
    "webhook_enabled": "Enabled. Events from now on are sent to it.",
    "webhook_deleted": "The webhook is deleted, and what it still waited for is canceled.",
    "secret_rotated": "There is a new secret. Put it where your endpoint verifies before the older one ends.",
    "recovery_begun": "The recovery has begun. This page tells how far it has come.",
    "recovery_canceled": "The recovery is canceled. What was delivered meanwhile stays delivered.",
    "event_resent": "Sent again. What comes of it stands below.",
    "delivery_retried": "It is attempted now.",
    "alert_acknowledged": "The alert is acknowledged.",
    "alerts_acknowledged": "The alerts of that page are acknowledged.",
    "alert_channel_created": "The channel is there. Send a test: only then is it known whether messages arrive.",
    "alert_channel_changed": "Saved. It holds for what happens from now on.",
    "alert_channel_moved": "Saved. Send a test: only then is it known whether messages arrive there.",
    "alert_channel_test_sent": "The test was sent. See whether it arrived.",
    "alert_channel_test_failed": "The test failed. Its channel says why.",
    "alert_channel_enabled": "Enabled. It is told of what happens from now on.",
    "alert_channel_disabled": "Disabled. It is told nothing.",
    "alert_channel_deleted": "The channel is deleted.",
    "event_type_described": "It is in the catalogue. If it has a schema, what is published from now on is held to it.",
    "event_type_changed": "Saved. It holds for what is published from now on.",
    "event_type_archived": "It is archived: it stays readable, and data is not checked any more.",
    "key_revoked": "The key is revoked. Within five seconds no process takes it any more.",
    "listen_ended": "The session is ended. Its URL leads nowhere any more, and its command stops.",
    "event_published": "Published.",
    "account_created": "The account is there. What comes next stands below.",
    "account_known": "An account with this external id was there already: this is it, as it was.",
    "account_signed_out": "Everybody of this account is signed out.",
    "signed_out": "You are signed out.",
    "all_signed_out": "Everybody is signed out of this account, you too.",
}
"""What was just done, in words, by the name that a page's address carries for the page after a form."""

_FAILED: Final = frozenset({"alert_channel_test_failed"})
"""Of these, what did not go as it should."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation: `path` below the account's, `group` the heading that it stands under.

    Whoever is at the path `also` has come from there, too.
    """

    label: str
    path: str
    group: str = ""
    scope: Scope = Scope.READ
    is_for_customers: bool = True
    also: str | None = None


PLACES: Final = (
    Place("Overview", "", is_for_customers=False),
    Place("Events", "events", also="deliveries"),
    Place("Webhooks", "webhooks", "Settings"),
    Place("Event types", "event-types", "Settings"),
    Place("Alerts", "alerts", "Settings", also="alert-channels"),
    Place("Listen", "listen", "Settings", is_for_customers=False),
    Place("API keys", "api-keys", "Settings", Scope.ADMIN, is_for_customers=False),
    Place("Audit log", "audit-log", "Settings", Scope.AUDIT_LOG_READ),
)


class Frame:
    """What the layout of a page needs of a request."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.session: DashboardSession | None = request.get(SESSION)
        self.account: Account | None = request.get(ACCOUNT)
        self.appearance = request.app[DEPENDENCIES].appearance
        self.theme = cookies.theme(request)
        self.is_customer = self.session is not None and self.session.is_customer
        self.is_operator = self.session is not None and self.session.is_operator
        # who is not signed in may be a customer whose session is over
        self.is_for_customers = self.session is None or self.is_customer
        self.name = self.appearance.name if self.is_for_customers else "Flux Dispatch"
        self.notice = NOTICES.get(request.query.get("done", ""))
        self.notice_is_bad = request.query.get("done") in _FAILED

    @property
    def path(self) -> str:
        """The address of this page; that of the page with the form, where this one answers a form."""
        if self._request.method in SAFE_METHODS:
            return self._request.rel_url.raw_path_qs
        return "/" + self._request.headers.get("Referer", "").partition("://")[2].partition("/")[2]

    @property
    def base(self) -> str:
        """The path below which the account's pages are."""
        return f"{ROOT}/{self.account.id}" if self.account else ROOT

    @property
    def places(self) -> list[tuple[Place, str, bool]]:
        """Where one can go: the entry, its path, and whether this page is there or below."""
        if self.account is None or self.session is None:
            return []
        return [
            (each, f"{self.base}/{each.path}", self.is_at(each.path) or self.is_at(each.also))
            for each in PLACES
            if self.session.may(each.scope) and (each.is_for_customers or not self.is_customer)
        ]

    @property
    def has_navigation(self) -> bool:
        """Say whether there is anywhere to go from here."""
        return bool(self.places) or self.is_operator

    @cached_property
    def token(self) -> str:
        """What each form carries; nothing where nobody is signed in."""
        token = cookies.session_token(self._request)
        return forgery.token_for(token) if token and self.session else ""

    def may(self, scope: str) -> bool:
        """Say whether whoever looks may do what takes this scope."""
        return self.session is not None and self.session.may(Scope(scope))

    def is_at(self, path: str | None) -> bool:
        """Say whether this page is at this path below the account's, or further below."""
        return self._is_below(self.base, path)

    def is_at_platform(self, path: str) -> bool:
        """Say whether this page is an operator's, of no account, at this path or further below."""
        return self._is_below(ROOT, path)

    def _is_below(self, base: str, path: str | None) -> bool:
        here = self._request.path
        return here.startswith(f"{base}/") and here.removeprefix(f"{base}/").partition("/")[0] == path
