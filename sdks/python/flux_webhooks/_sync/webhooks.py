"""The webhooks of an account: its endpoints, their secrets, tests, statistics, and what they missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, overload

from flux_webhooks import checks
from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.answers import read_answer
from flux_webhooks.checks import OUTCOMES, PERIODS, STATES, path_id, query_choice, query_instant
from flux_webhooks.given import given, named
from flux_webhooks.models import Delivery, Recovery, RecoveryCount, Webhook, WebhookSecret, WebhookStats
from flux_webhooks.signature import verify
from flux_webhooks.webhook_checks import overlap, webhook_body


class Webhooks(Resource):
    """Webhooks; `verify` is for those who receive them, and asks nobody."""

    verify = staticmethod(verify)

    def create(
        self,
        url: str,
        events: Sequence[str],
        *,
        description: str | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        account: str | None = None,
    ) -> Webhook:
        """Create a webhook; this answer holds its `secret`.

        Args:
            url: where its events are POSTed to.
            events: the types that it wants: exact ones, `order.*` for all below `order`, or `*`.
            description: up to 500 characters.
            headers: sent with every POST, up to 20.
            metadata: texts of your own, up to 50.
            account: whose webhook it is, for a platform key.
        """
        # these two are never left out, so None is a mistake
        checks.text(url, "url")
        checks.texts(events, "events")
        body = webhook_body(
            {"url": url, "events": events, "description": description, "headers": headers, "metadata": metadata}
        )
        return self._one(Webhook, "webhooks.create", body=body, account=account)

    def list(self, *, limit: int | None = None, cursor: str | None = None, account: str | None = None) -> Page[Webhook]:
        """List webhooks."""
        return self._page(Webhook, "webhooks.list", query={}, limit=limit, cursor=cursor, account=account)

    def get(self, id: str, *, account: str | None = None) -> Webhook:
        """Return a webhook, without its secret."""
        return self._one(Webhook, "webhooks.get", path={"id": path_id(id, "wh")}, account=account)

    def update(
        self,
        id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        status: str | None = None,
        disabled_reason: str | None = None,
        account: str | None = None,
    ) -> Webhook:
        """Change what is given; each value takes the place of the whole one before.

        `status` is `enabled` or `disabled`, and `disabled_reason` may say why it is disabled.
        """
        body = webhook_body(
            {
                "url": url,
                "events": events,
                "description": description,
                "headers": headers,
                "metadata": metadata,
                "status": status,
                "disabled_reason": disabled_reason,
            }
        )
        return self._one(Webhook, "webhooks.update", path={"id": path_id(id, "wh")}, body=body, account=account)

    def delete(self, id: str, *, account: str | None = None) -> None:
        """Delete a webhook; what was still to be delivered to it is canceled."""
        self._connection.send("webhooks.delete", path={"id": path_id(id, "wh")}, account=account)

    def secret(self, id: str, *, account: str | None = None) -> WebhookSecret:
        """Return the secret that signs, and until when older ones sign beside it."""
        return self._one(WebhookSecret, "webhooks.secret", path={"id": path_id(id, "wh")}, account=account)

    def rotate_secret(self, id: str, *, expires_in: int | None = None, account: str | None = None) -> WebhookSecret:
        """Make a new secret; the one before signs beside it for `expires_in` seconds, a day unless given.

        0 ends all older ones now.
        """
        path, body = {"id": path_id(id, "wh")}, named(expires_in=given(overlap, expires_in))
        return self._one(WebhookSecret, "webhooks.rotate_secret", path=path, body=body, account=account)

    def test(
        self, id: str, *, type: str | None = None, wait: bool | None = None, account: str | None = None
    ) -> Delivery:
        """Send one POST to a webhook, and return its delivery, with the attempt once there is one.

        `wait` False returns at once; else the attempt is waited for, some seconds longer than it may take.
        """
        path = {"id": path_id(id, "wh")}
        body = named(type=given(checks.event_type, type), wait=given(checks.truth, wait, "wait"))
        return self._one(Delivery, "webhooks.test", path=path, body=body, account=account)

    @overload
    def recover(
        self,
        id: str,
        since: datetime | str,
        *,
        until: datetime | str | None = None,
        dry_run: Literal[False] = False,
        account: str | None = None,
    ) -> Recovery: ...

    @overload
    def recover(
        self,
        id: str,
        since: datetime | str,
        *,
        until: datetime | str | None = None,
        dry_run: Literal[True],
        account: str | None = None,
    ) -> RecoveryCount: ...

    def recover(
        self,
        id: str,
        since: datetime | str,
        *,
        until: datetime | str | None = None,
        dry_run: bool = False,
        account: str | None = None,
    ) -> Recovery | RecoveryCount:
        """Have all delivered that a webhook missed from `since` on and before `until` (now, unless given).

        With `dry_run` nothing is changed, and the answer is how much that would be.
        """
        path = {"id": path_id(id, "wh")}
        body = named(
            since=checks.instant(since, "since"),
            until=given(checks.instant, until, "until"),
            dry_run=checks.truth(dry_run, "dry_run"),
        )
        answer = self._connection.send("webhooks.recover", path=path, body=body, account=account, repeatable=dry_run)
        return read_answer(RecoveryCount, answer.json) if dry_run else read_answer(Recovery, answer.json)

    def deliveries(
        self,
        id: str,
        *,
        status: str | None = None,
        outcome: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Delivery]:
        """List the deliveries to a webhook; the filters are those of `deliveries.list`."""
        query = {
            "status": None if status is None else query_choice(status, "status", STATES),
            "outcome": None if outcome is None else query_choice(outcome, "outcome", OUTCOMES),
            "created_after": given(query_instant, created_after, "created_after"),
            "created_before": given(query_instant, created_before, "created_before"),
        }
        path = {"id": path_id(id, "wh")}
        return self._page(
            Delivery, "webhooks.deliveries", path=path, query=query, limit=limit, cursor=cursor, account=account
        )

    def stats(self, id: str, *, period: str | None = None, account: str | None = None) -> WebhookStats:
        """Return how the attempts of the last `24h` (unless given), `7d` or `30d` went."""
        query = {"period": None if period is None else query_choice(period, "period", PERIODS)}
        path = {"id": path_id(id, "wh")}
        return self._one(WebhookStats, "webhooks.stats", path=path, query=query, account=account)
