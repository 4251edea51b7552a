"""Every operation of the API, by the name of the method that does it."""

from __future__ import annotations

from typing import Final, NamedTuple


class Operation(NamedTuple):
    """One operation; one that is `repeatable` comes to the same when its request is sent twice."""

    method: str
    path: str
    repeatable: bool


def _get(path: str) -> Operation:
    return Operation("GET", path, repeatable=True)


def _post(path: str, *, repeatable: bool = False) -> Operation:
    return Operation("POST", path, repeatable)


def _patch(path: str) -> Operation:
    # each value takes the place of the whole one before, so twice is once
    return Operation("PATCH", path, repeatable=True)


def _delete(path: str) -> Operation:
    return Operation("DELETE", path, repeatable=True)


OPERATIONS: Final = {
    "accounts.create": _post("/v1/accounts"),
    "accounts.delete": _delete("/v1/accounts/{id}"),
    "accounts.get": _get("/v1/accounts/{id}"),
    "accounts.list": _get("/v1/accounts"),
    "accounts.update": _patch("/v1/accounts/{id}"),
    "alert_channels.create": _post("/v1/alert-channels"),
    "alert_channels.delete": _delete("/v1/alert-channels/{id}"),
    "alert_channels.get": _get("/v1/alert-channels/{id}"),
    "alert_channels.list": _get("/v1/alert-channels"),
    "alert_channels.test": _post("/v1/alert-channels/{id}/test"),
    "alert_channels.update": _patch("/v1/alert-channels/{id}"),
    "alerts.acknowledge": _post("/v1/alerts/{id}/acknowledge", repeatable=True),
    "alerts.list": _get("/v1/alerts"),
    "api_keys.create": _post("/v1/api-keys"),
    "api_keys.list": _get("/v1/api-keys"),
    "api_keys.revoke": _delete("/v1/api-keys/{id}"),
    "audit_log.export": _get("/v1/audit-log/export"),
    "audit_log.list": _get("/v1/audit-log"),
    "deliveries.get": _get("/v1/deliveries/{id}"),
    "deliveries.list": _get("/v1/deliveries"),
    "deliveries.retry": _post("/v1/deliveries/{id}/retry"),
    "event_types.archive": _delete("/v1/event-types/{name}"),
    "event_types.create": _post("/v1/event-types"),
    "event_types.get": _get("/v1/event-types/{name}"),
    "event_types.list": _get("/v1/event-types"),
    "event_types.update": _patch("/v1/event-types/{name}"),
    "events.deliveries": _get("/v1/events/{id}/deliveries"),
    "events.get": _get("/v1/events/{id}"),
    "events.list": _get("/v1/events"),
    # each event has an idempotency key
    "events.publish": _post("/v1/events", repeatable=True),
    "events.publish_batch": _post("/v1/events/batch", repeatable=True),
    "events.resend": _post("/v1/events/{id}/resend"),
    "listen_sessions.create": _post("/v1/listen"),
    "listen_sessions.end": _delete("/v1/listen/{id}"),
    "listen_sessions.get": _get("/v1/listen/{id}"),
    "listen_sessions.list": _get("/v1/listen"),
    "portal_links.create": _post("/v1/portal-links"),
    "recoveries.cancel": _post("/v1/recoveries/{id}/cancel", repeatable=True),
    "recoveries.get": _get("/v1/recoveries/{id}"),
    "recoveries.list": _get("/v1/recoveries"),
    "webhooks.create": _post("/v1/webhooks"),
    "webhooks.delete": _delete("/v1/webhooks/{id}"),
    "webhooks.deliveries": _get("/v1/webhooks/{id}/deliveries"),
    "webhooks.get": _get("/v1/webhooks/{id}"),
    "webhooks.list": _get("/v1/webhooks"),
    "webhooks.recover": _post("/v1/webhooks/{id}/recover"),
    "webhooks.rotate_secret": _post("/v1/webhooks/{id}/secret/rotate"),
    "webhooks.secret": _get("/v1/webhooks/{id}/secret"),
    "webhooks.stats": _get("/v1/webhooks/{id}/stats"),
    "webhooks.test": _post("/v1/webhooks/{id}/test"),
    "webhooks.update": _patch("/v1/webhooks/{id}"),
}
