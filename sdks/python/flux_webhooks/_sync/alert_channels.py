"""The alert channels of an account: where people are told of failures."""

from __future__ import annotations

from collections.abc import Sequence

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.alert_channel_checks import channel_body
from flux_webhooks.checks import path_id
from flux_webhooks.models import AlertChannel, AlertChannelTest


class AlertChannels(Resource):
    """Alert channels."""

    def create(
        self, url: str, *, name: str | None = None, kinds: Sequence[str] | None = None, account: str | None = None
    ) -> AlertChannel:
        """Create a channel, which is told of what happens from now on; of all kinds unless told.

        `url` is an Apprise URL, or one that Slack, Discord or Teams give out; it is never shown again.
        """
        body = channel_body({"url": url, "name": name, "kinds": kinds})
        return self._one(AlertChannel, "alert_channels.create", body=body, account=account)

    def list(
        self, *, limit: int | None = None, cursor: str | None = None, account: str | None = None
    ) -> Page[AlertChannel]:
        """List channels, and whether messages to them arrive."""
        return self._page(AlertChannel, "alert_channels.list", query={}, limit=limit, cursor=cursor, account=account)

    def get(self, id: str, *, account: str | None = None) -> AlertChannel:
        """Return a channel, and whether messages to it arrive."""
        return self._one(AlertChannel, "alert_channels.get", path={"id": path_id(id, "chan")}, account=account)

    def update(
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
        return self._one(AlertChannel, "alert_channels.update", path=path, body=body, account=account)

    def delete(self, id: str, *, account: str | None = None) -> None:
        """Delete a channel; what it was yet to be told is not sent."""
        self._connection.send("alert_channels.delete", path={"id": path_id(id, "chan")}, account=account)

    def test(self, id: str, *, account: str | None = None) -> AlertChannelTest:
        """Send a test, and return whether its service took it, and else why not."""
        path = {"id": path_id(id, "chan")}
        return self._one(AlertChannelTest, "alert_channels.test", path=path, account=account)
