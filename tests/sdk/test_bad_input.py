"""What a caller gets wrong is said before a request leaves, in the words in which the API refuses it."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from flux_webhooks import APIConnectionError, AsyncFlux, Flux, checks
from flux_webhooks.operations import OPERATIONS

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.statistics import Period
from flux_dispatch.store.events import EVENT_STATUSES
from tests.support.api import URL, Caller

WH, EVT = f"wh_{'0' * 32}", f"evt_{'0' * 32}"
FIELDS = ("type", "code", "message", "param", "status", "doc_url")
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there, so what is sent fails in another way."""


@dataclass(frozen=True)
class Mistake:
    """Values of one operation, of which one is wrong; `key` is the idempotency key of a publication."""

    operation: str
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


def webhook(**body: Any) -> Mistake:
    return Mistake("webhooks.create", body={"url": URL, "events": ["*"], **body})


def publication(event_type: Any, data: Any, key: str | None = None) -> Mistake:
    return Mistake("events.publish", body={"type": event_type, "data": data}, key=key)


def batch(*events: Any) -> Mistake:
    return Mistake("events.publish_batch", body={"events": list(events)})


def nested(levels: int, innermost: Any) -> Any:
    for _ in range(levels):
        innermost = {"a": innermost}
    return innermost


MISTAKES = [
    # wrong types
    webhook(url=7),
    webhook(url=None),
    webhook(url=True),
    webhook(events="order.completed"),
    webhook(events=None),
    webhook(events=["*", 7]),
    webhook(description=7),
    webhook(headers=["a"]),
    webhook(headers={"X-Team": 7}),
    webhook(metadata={"k": None}),
    Mistake("webhooks.update", {"id": WH}, body={"url": 7}),
    Mistake("webhooks.update", {"id": WH}, body={"status": True}),
    Mistake("webhooks.test", {"id": WH}, body={"type": 7}),
    Mistake("webhooks.test", {"id": WH}, body={"wait": "yes"}),
    Mistake("webhooks.recover", {"id": WH}, body={"since": "2026-01-15T10:30:00Z", "dry_run": "yes"}),
    Mistake("webhooks.recover", {"id": WH}, body={"since": 7}),
    Mistake("webhooks.rotate_secret", {"id": WH}, body={"expires_in": "7"}),
    Mistake("webhooks.rotate_secret", {"id": WH}, body={"expires_in": True}),
    Mistake("events.resend", {"id": EVT}, body={"webhook": 7}),
    Mistake("event_types.create", body={"name": 7}),
    Mistake("event_types.create", body={"name": "a.b", "example": [1]}),
    Mistake("event_types.create", body={"name": "a.b", "schema": True}),
    Mistake("event_types.update", {"name": "a.b"}, body={"group": 7}),
    Mistake("api_keys.create", body={"scopes": "read"}),
    Mistake("api_keys.create", body={"scopes": ["read"], "expires_at": 7}),
    Mistake("api_keys.create", body={"scopes": ["read"], "events_per_second": 1.5}),
    Mistake("portal_links.create", body={"expires_in": "900"}),
    Mistake("accounts.create", body={"name": 7}),
    Mistake("accounts.create", body={"name": "a", "metadata": {"k": 7}}),
    Mistake("accounts.update", {"id": "ext:a"}, body={"external_id": 7}),
    # values
    webhook(url=""),
    webhook(url="https://example.com/" + "a" * 2048),
    webhook(events=[]),
    webhook(events=["*"] * 101),
    webhook(events=["*", "order..completed"]),
    webhook(events=["order.*.paid"]),
    webhook(description="d" * 501),
    webhook(description="\0"),
    webhook(headers={f"X-{each}": "a" for each in range(21)}),
    webhook(metadata={str(each): "a" for each in range(51)}),
    webhook(metadata={"": "a"}),
    webhook(metadata={"k" * 41: "a"}),
    webhook(metadata={"k": "v" * 501}),
    Mistake("webhooks.update", {"id": WH}, body={"status": "paused"}),
    Mistake("webhooks.update", {"id": WH}, body={"disabled_reason": "moved"}),
    Mistake("webhooks.update", {"id": WH}, body={"status": "disabled", "disabled_reason": "r" * 201}),
    Mistake("webhooks.rotate_secret", {"id": WH}, body={"expires_in": -1}),
    Mistake("webhooks.rotate_secret", {"id": WH}, body={"expires_in": 604_801}),
    Mistake("webhooks.recover", {"id": WH}, body={"since": "yesterday"}),
    Mistake("webhooks.recover", {"id": WH}, body={"since": "2026-01-15T10:30:00Z", "until": "2026-13-45"}),
    Mistake("listen_sessions.create", body={"events": []}),
    Mistake("listen_sessions.create", body={"events": ["a..b"]}),
    Mistake("listen_sessions.create", body={"forward_to": "f" * 501}),
    Mistake("event_types.create", body={"name": "a..b"}),
    Mistake("event_types.create", body={"name": "flux.delivery.failed"}),
    Mistake("event_types.create", body={"name": "a.b", "description": "d" * 501}),
    Mistake("event_types.create", body={"name": "a.b", "group": "g" * 65}),
    Mistake("event_types.create", body={"name": "a.b", "example": {"a": "\0"}}),
    Mistake("api_keys.create", body={"scopes": []}),
    Mistake("api_keys.create", body={"scopes": ["read", "write"]}),
    Mistake("api_keys.create", body={"scopes": ["read"], "name": "n" * 101}),
    Mistake("api_keys.create", body={"scopes": ["read"], "requests_per_second": 0}),
    Mistake("api_keys.create", body={"scopes": ["read"], "expires_at": "soon"}),
    Mistake("portal_links.create", body={"expires_in": 59}),
    Mistake("accounts.create", body={"name": ""}),
    Mistake("accounts.create", body={"name": "a", "external_id": " a"}),
    Mistake("accounts.create", body={"name": "a", "external_id": "a\n"}),
    Mistake("accounts.create", body={"name": "a", "external_id": "a" * 256}),
    # alert channels
    Mistake("alert_channels.create", body={"url": 7}),
    Mistake("alert_channels.create", body={"url": "slack://a", "name": "n" * 101}),
    Mistake("alert_channels.create", body={"url": "slack://a", "kinds": []}),
    Mistake("alert_channels.create", body={"url": "slack://a", "kinds": ["delivery_failed", "platform_trouble"]}),
    Mistake("alert_channels.update", {"id": f"chan_{'0' * 32}"}, body={"status": "paused"}),
    # ids
    Mistake("webhooks.get", {"id": EVT}),
    Mistake("webhooks.get", {"id": "wh_X"}),
    Mistake("webhooks.delete", {"id": "w" * 70}),
    Mistake("webhooks.secret", {"id": "wh_" + "A" * 32}),
    Mistake("events.get", {"id": WH}),
    Mistake("events.deliveries", {"id": WH}),
    Mistake("deliveries.get", {"id": WH}),
    Mistake("deliveries.retry", {"id": WH}),
    Mistake("alerts.acknowledge", {"id": WH}),
    Mistake("alert_channels.test", {"id": WH}),
    Mistake("recoveries.cancel", {"id": WH}),
    Mistake("listen_sessions.get", {"id": WH}),
    Mistake("listen_sessions.end", {"id": "x"}),
    Mistake("api_keys.revoke", {"id": WH}),
    Mistake("event_types.get", {"name": "a..b"}),
    Mistake("event_types.archive", {"name": "n" * 129}),
    Mistake("accounts.get", {"id": "cus_42"}),
    Mistake("events.resend", {"id": EVT}, body={"webhook": EVT}),
    # parameters
    Mistake("webhooks.list", query={"limit": 0}),
    Mistake("webhooks.list", query={"limit": 101}),
    Mistake("accounts.list", query={"limit": "ten"}),
    Mistake("events.list", query={"type": "a..b"}),
    Mistake("events.list", query={"status": "done"}),
    Mistake("events.list", query={"webhook": EVT}),
    Mistake("events.list", query={"created_after": "yesterday"}),
    Mistake("deliveries.list", query={"status": "done"}),
    Mistake("deliveries.list", query={"outcome": "bad"}),
    Mistake("deliveries.list", query={"webhook": EVT}),
    Mistake("deliveries.list", query={"event": WH}),
    Mistake("deliveries.list", query={"created_before": "2026-02-30"}),
    Mistake("webhooks.deliveries", {"id": WH}, query={"status": "done"}),
    Mistake("webhooks.stats", {"id": WH}, query={"period": "1h"}),
    Mistake("alerts.list", query={"acknowledged": "yes"}),
    Mistake("event_types.list", query={"archived": "yes"}),
    Mistake("recoveries.list", query={"webhook": "x"}),
    # events
    publication(7, {}),
    publication("a..b", {}),
    publication("order.*", {}),
    publication("a" * 129, {}),
    publication("flux.delivery.failed", {}),
    publication("a.b", [1]),
    publication("a.b", "text"),
    publication("a.b", None),
    publication("a.b", {"n": [1.0, float("nan")]}),
    publication("a.b", {"n": float("inf")}),
    publication("a.b", {"n": {"m": -float("inf")}}),
    publication("a.b", {"t": "\0"}),
    publication("a.b", {"t": "\ud800"}),
    publication("a.b", nested(101, 1)),
    publication("a.b", nested(100, 1)),
    publication("a.b", {}, key=""),
    publication("a.b", {}, key="k" * 256),
    publication("a.b", {}, key="ü"),
    batch(),
    batch(*[{"type": "a.b", "data": {}}] * 1001),
    batch({"type": "a.b", "data": {}}, 7),
    batch({"type": "a.b"}),
    batch({"data": {}}),
    batch({"type": "a.b", "data": {}, "id": 1}),
    batch({"type": "a.b", "data": {}}, {"type": "a..b", "data": {}}),
    batch({"type": "a.b", "data": {}}, {"type": "a.b", "data": 7}),
    batch({"type": "a.b", "data": {}}, {"type": "a.b", "data": {"n": float("nan")}}),
    batch({"type": "a.b", "data": {"t": "\0"}}),
    batch({"type": "a.b", "data": nested(101, 1)}),
    batch({"type": "a.b", "data": {}, "idempotency_key": 7}),
    batch({"type": "a.b", "data": {}, "idempotency_key": None}),
    batch({"type": "a.b", "data": {}, "idempotency_key": "ü"}),
    batch(*[{"type": "a.b", "data": {}, "idempotency_key": "k"}] * 2),
]
FINE = [
    publication("a.b", nested(99, 1)),
    publication("a.b", nested(99, {})),
    publication("A-1_b.c", {"a": None, "b": [True, 1e300, "ü\U0001f600", "\\u0000"]}, key="k k" * 85),
    batch({"type": "a.b", "data": nested(99, 1)}),
    publication("flux", {}),
    webhook(events=["order.*", "order.*", "flux.*"], description="", metadata={"k": ""}),
    Mistake("api_keys.create", body={"scopes": ["read"], "expires_at": "2100-01-01", "events_per_second": 1_000_000}),
    Mistake("events.list", query={"limit": 100, "created_after": "2026-01-15T10:30:00+01:00"}),
    Mistake("event_types.create", body={"name": "n" * 128, "group": "g" * 64, "example": {}, "schema": {}}),
]
"""At the bounds, and within."""


@pytest.fixture(params=[Flux, AsyncFlux])
async def flux(request: pytest.FixtureRequest) -> AsyncIterator[Flux | AsyncFlux]:
    """A client of each colour; whatever it sends goes nowhere."""
    client = request.param("sk_live_x", api_url=NOWHERE, max_retries=0)
    yield client
    await client.close() if isinstance(client, AsyncFlux) else client.close()


def _name(mistake: Mistake) -> str:
    said = {**mistake.path, **mistake.query, **mistake.body}
    return f"{mistake.operation} {str(said)[-50:]}".encode("ascii", "replace").decode()


async def test_each_mistake_is_said_here_as_it_is_said_there(
    flux: Flux | AsyncFlux, tenant: Caller, platform_key: str
) -> None:
    differing = []
    for mistake in MISTAKES:
        key = platform_key if mistake.operation.startswith("accounts.") else tenant.key
        error = await _refused_here(mistake, flux)
        said = {each: getattr(error, each, error) for each in FIELDS}
        refused = await _refused_by_the_api(mistake, tenant.http, key)
        if said != refused or getattr(error, "request_id", error) is not None:
            differing.append(f"{_name(mistake)}: {said}, not {refused}")
    assert not differing, "\n".join(differing)


@pytest.mark.parametrize("fine", FINE, ids=_name)
async def test_what_the_api_takes_is_not_refused_here(flux: Flux | AsyncFlux, fine: Mistake, tenant: Caller) -> None:
    answer = await _send(fine, tenant.http, tenant.key)
    assert answer.is_success, answer.text
    assert isinstance(await _refused_here(fine, flux), APIConnectionError)


def test_the_names_that_are_known_here_are_those_of_the_server() -> None:
    assert list(checks.STATES) == list(State)
    assert list(checks.EVENT_STATUSES) == list(EVENT_STATUSES)
    assert list(checks.OUTCOMES) == list(ErrorClass)
    assert list(checks.PERIODS) == list(Period)
    assert list(checks.SCOPES) == list(Scope)


async def _refused_by_the_api(mistake: Mistake, http: httpx.AsyncClient, key: str) -> dict[str, Any]:
    answer = await _send(mistake, http, key)
    assert answer.is_client_error, f"{_name(mistake)} is no mistake: {answer.text}"
    error = answer.json()["error"]
    return {each: (error | {"status": answer.status_code})[each] for each in FIELDS}


async def _send(mistake: Mistake, http: httpx.AsyncClient, key: str) -> httpx.Response:
    operation = OPERATIONS[mistake.operation]
    path = operation.path.format_map({name: str(value) for name, value in mistake.path.items()})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if mistake.key is not None:
        headers["Idempotency-Key"] = mistake.key
    body = json.dumps(mistake.body) if operation.method in {"POST", "PATCH"} else None
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    return await http.request(
        operation.method, path, params=dict(mistake.query), content=body, headers=list(encoded.items())
    )


async def _refused_here(mistake: Mistake, flux: Flux | AsyncFlux) -> Exception | None:
    values = {**mistake.path, **mistake.query, **mistake.body}
    if mistake.key is not None:
        values["idempotency_key"] = mistake.key
    resource, _, verb = mistake.operation.partition(".")
    try:
        called = getattr(getattr(flux, resource), verb)(**values)
        if isinstance(flux, AsyncFlux):
            await called
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return error
    return None
