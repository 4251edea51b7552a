"""Links that sign a customer in to their own settings."""

from __future__ import annotations

from flux_webhooks import checks
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.given import given, named
from flux_webhooks.models import PortalLink

_SHORTEST_SECONDS = 60
_LONGEST_SECONDS = 86_400


class AsyncPortalLinks(AsyncResource):
    """Portal links."""

    async def create(self, *, account: str | None = None, expires_in: int | None = None) -> PortalLink:
        """Create a link that works once, within `expires_in` seconds (60 to 86,400; 900 unless given)."""
        body = named(expires_in=given(_lifetime, expires_in))
        return await self._one(PortalLink, "portal_links.create", body=body, account=account)


def _lifetime(seconds: object) -> int:
    checked = checks.whole(seconds, "expires_in")
    if not _SHORTEST_SECONDS <= checked <= _LONGEST_SECONDS:
        message = f"expires_in is a number of seconds from {_SHORTEST_SECONDS} to {_LONGEST_SECONDS}."
        raise checks.invalid(message, "expires_in")
    return checked
