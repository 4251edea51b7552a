"""The events of an account: published once, whatever happens to the answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.answers import read_answer, read_list
from flux_webhooks.checks import (
    EVENT_STATUSES,
    STATES,
    body_id,
    path_id,
    query_choice,
    query_event_type,
    query_id,
    query_instant,
)
from flux_webhooks.errors import APIResponseError
from flux_webhooks.event_checks import check_batch, check_event
from flux_webhooks.given import given, named
from flux_webhooks.models import Delivery, Event, PublishedEvent, ResentDeliveries

PublishedEvents = list[PublishedEvent]


class Events(Resource):
    """Events."""

    def publish(
        self, type: str, data: Mapping[str, Any], *, idempotency_key: str | None = None, account: str | None = None
    ) -> PublishedEvent:
        """Publish an event; it is stored when this returns.

        Args:
            type: like `order.completed`.
            data: a dict of what JSON can hold; datetimes, UUIDs and Decimals in it become text.
            idempotency_key: a name of your own for what happened, like `order-7-completed`: however often you publish
                with it, it is one event. Without it each call makes one, which covers the tries of that call.
            account: whose event it is, for a platform key.
        """
        key = _new_key() if idempotency_key is None else idempotency_key
        body = check_event(type, data, key, key_param="Idempotency-Key").body(with_key=False)
        answer = self._connection.send("events.publish", body=body, idempotency_key=key, account=account)
        return read_answer(PublishedEvent, answer.json, replayed=answer.replayed)

    def publish_batch(self, events: Sequence[Mapping[str, Any]], *, account: str | None = None) -> PublishedEvents:
        """Publish 1 to 1000 events, all or none.

        Each is `{"type": …, "data": …}`, with data as for `publish`, and may have an `idempotency_key` of its own,
        which is made otherwise.
        """
        body = check_batch(events, _new_keys())
        answer = self._connection.send("events.publish_batch", body=body, account=account)
        listed = read_list(answer.json)
        if len(listed) != len(events):
            raise APIResponseError(f"The API's answer to {len(events)} events lists {len(listed)}.")
        return [read_answer(PublishedEvent, each, replayed=answer.replayed) for each in listed]

    def list(
        self,
        *,
        type: str | None = None,
        status: str | None = None,
        webhook: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Event]:
        """List events; `webhook` narrows them to those that it has a delivery of."""
        query = {
            "type": given(query_event_type, type),
            "status": None if status is None else query_choice(status, "status", EVENT_STATUSES),
            "webhook": given(query_id, webhook, "webhook", "wh"),
            "created_after": given(query_instant, created_after, "created_after"),
            "created_before": given(query_instant, created_before, "created_before"),
        }
        return self._page(Event, "events.list", query=query, limit=limit, cursor=cursor, account=account)

    def get(self, id: str, *, account: str | None = None) -> Event:
        """Return an event, with the `body` that is signed and sent."""
        return self._one(Event, "events.get", path={"id": path_id(id, "evt")}, account=account)

    def deliveries(
        self,
        id: str,
        *,
        status: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[Delivery]:
        """List the deliveries of an event."""
        query = {"status": None if status is None else query_choice(status, "status", STATES)}
        path = {"id": path_id(id, "evt")}
        return self._page(
            Delivery, "events.deliveries", path=path, query=query, limit=limit, cursor=cursor, account=account
        )

    def resend(self, id: str, *, webhook: str | None = None, account: str | None = None) -> ResentDeliveries:
        """Send an event again, to those that want it now or to one webhook, and return the deliveries."""
        body = named(webhook=given(body_id, webhook, "webhook", "wh"))
        path = {"id": path_id(id, "evt")}
        return self._one(ResentDeliveries, "events.resend", path=path, body=body, account=account)


def _new_key() -> str:
    return os.urandom(16).hex()


def _new_keys() -> Iterator[str]:
    while True:
        yield _new_key()
