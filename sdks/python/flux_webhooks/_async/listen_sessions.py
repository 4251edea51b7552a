"""Listen sessions: temporary public URLs, for whoever receives on their own machine. `flux listen` makes them."""

from __future__ import annotations

from collections.abc import Sequence

from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.checks import path_id, patterns, text, text_of
from flux_webhooks.given import given, named
from flux_webhooks.models import ListenSession

_LONGEST_FORWARD_TO = 500


class AsyncListenSessions(AsyncResource):
    """Listen sessions."""

    async def create(
        self,
        *,
        events: Sequence[str] | None = None,
        forward_to: str | None = None,
        secret: str | None = None,
        account: str | None = None,
    ) -> ListenSession:
        """Make a temporary public URL with a temporary webhook; this answer holds its `secret` and `socket_url`.

        Args:
            events: the types that it wants, as a webhook does; everything unless given.
            forward_to: where the command forwards to, for people to see.
            secret: what shall sign its events, `whsec_` and 24 bytes in base64; a new one unless given.
            account: whose session it is, for a platform key.
        """
        body = named(
            events=given(patterns, events),
            forward_to=given(text_of, forward_to, "forward_to", least=1, most=_LONGEST_FORWARD_TO),
            secret=given(text, secret, "secret"),
        )
        return await self._one(ListenSession, "listen_sessions.create", body=body, account=account)

    async def list(
        self, *, limit: int | None = None, cursor: str | None = None, account: str | None = None
    ) -> AsyncPage[ListenSession]:
        """List sessions that have not ended."""
        name = "listen_sessions.list"
        return await self._page(ListenSession, name, query={}, limit=limit, cursor=cursor, account=account)

    async def get(self, id: str, *, account: str | None = None) -> ListenSession:
        """Return a session, for a day after its end, too."""
        path = {"id": path_id(id, "lsn")}
        return await self._one(ListenSession, "listen_sessions.get", path=path, account=account)

    async def end(self, id: str, *, account: str | None = None) -> None:
        """End a session, its URL and its webhook; the command that was connected stops."""
        await self._connection.send("listen_sessions.end", path={"id": path_id(id, "lsn")}, account=account)
