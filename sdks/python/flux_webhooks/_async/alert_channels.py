"""The alert channels of an account: where people are told of failures."""

from __future__ import annotations

from collections.abc import Sequence

from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.alert_channel_checks import channel_body
from flux_webhooks.checks import path_id
from flux_webhooks.models import AlertChannel, AlertChannelTest


class AsyncAlertChannels(AsyncResource):
    """Alert channels."""

    async def create(
        self, url: str, *, name: str | None = None, kinds: Sequence[str] | None = None, account: str | None = None
    ) -> AlertChannel:
        """Create a channel, which is told of what happens from now on; of all kinds unless told.

        `url` is an Apprise URL, or one that Slack, Discord or Teams give out; it is never shown again.
        """
        body = channel_body({"url": url, "name": name, "kinds": kinds})
        return await self._one(AlertChannel, "alert_channels.create", body=body, account=account)

    async def list(
        self, *, limit: int | None = None, cursor: str | None = None, account: str | None = None
    ) -> AsyncPage[AlertChannel]:
        """List channels, and whether messages to them arrive."""
        return await self._page(
            AlertChannel, "alert_channels.list", query={}, limit=limit, cursor=cursor, account=account
        )

    async def get(self, id: str, *, account: str | None = None) -> AlertChannel:
        """Return a channel, and whether messages to it arrive."""
        return await self._one(AlertChannel, "alert_channels.get", path={"id": path_id(id, "chan")}, account=account)

    async def update(
        self,
        id: str,
        *,
        url: str | None = None,
        name: str | None = None,
        kinds: Sequence[str] | None = None,
        status: str | None = None,
        account: str | None = None,
    ) -> AlertChannel:
        """Change what is given; each value takes the place of the whole one before."""
        path = {"id": path_id(id, "chan")}
        body = channel_body({"url": url, "name": name, "kinds": kinds, "status": status})
        return await self._one(AlertChannel, "alert_channels.update", path=path, body=body, account=account)

    async def delete(self, id: str, *, account: str | None = None) -> None:
        """Delete a channel; what it was yet to be told is not sent."""
        await self._connection.send("alert_channels.delete", path={"id": path_id(id, "chan")}, account=account)

    async def test(self, id: str, *, account: str | None = None) -> AlertChannelTest:
        """Send a test, and return whether its service took it, and else why not."""
        path = {"id": path_id(id, "chan")}
        return await self._one(AlertChannelTest, "alert_channels.test", path=path, account=account)
