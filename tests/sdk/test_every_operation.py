"""Every route of the API is a method of Flux and of AsyncFlux, and what a real API answers to it can be read."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import flux_webhooks
import pytest
from flux_webhooks import AsyncFlux, Flux, models
from flux_webhooks.operations import OPERATIONS

from flux_dispatch.domain.ids import Prefix, parse_id
from tests.support.api import URL, Caller
from tests.support.store_harness import StoreHarness

COLOURS = ["Flux", "AsyncFlux"]


class Calls:
    """Calls methods of a client of either colour by the names of their operations, and remembers which."""

    def __init__(self, flux: Flux | AsyncFlux) -> None:
        self.flux = flux
        self.called: set[str] = set()

    async def __call__(self, name: str, /, *args: Any, **options: Any) -> Any:
        self.called.add(name)
        resource, _, verb = name.partition(".")
        method = getattr(getattr(self.flux, resource), verb)
        if inspect.iscoroutinefunction(method):
            return await method(*args, **options)
        return await asyncio.to_thread(method, *args, **options)

    async def all(self, page: Any) -> list[Any]:
        """Return what stands on this page and all that follow."""
        return [each async for each in page] if hasattr(page, "__aiter__") else await asyncio.to_thread(list, page)


@asynccontextmanager
async def calls(colour: str, api: str, key: str, **options: Any) -> AsyncIterator[Calls]:
    flux = getattr(flux_webhooks, colour)(key, api_url=api, max_retries=0, **options)
    yield Calls(flux)
    await flux.close() if colour == "AsyncFlux" else flux.close()


@pytest.mark.parametrize("colour", COLOURS)
def test_each_operation_is_a_method_and_each_method_an_operation(colour: str) -> None:
    flux = getattr(flux_webhooks, colour)("sk_live_x", api_url="https://flux.example.com")
    resources = {name: each for name, each in vars(flux).items() if not name.startswith("_")}
    methods = {
        f"{name}.{verb}"
        for name, resource in resources.items()
        for verb, method in inspect.getmembers(resource, inspect.ismethod)
        if not verb.startswith("_")
    }
    assert methods == set(OPERATIONS)


@pytest.mark.parametrize("colour", COLOURS)
async def test_a_real_api_answers_each_and_every_field_is_read(
    colour: str, api: str, tenant: Caller, platform_key: str, world: StoreHarness
) -> None:
    async with calls(colour, api, tenant.key) as call, calls(colour, api, platform_key) as platform:
        webhook = await _webhooks(call)
        event = await _events(call, webhook.id)
        await _deliveries_and_alerts(call, event.id, webhook.id, world)
        await _alert_channels(call)
        await _recoveries(call, webhook.id)
        await _listen_sessions(call)
        await _event_types(call)
        await _keys_and_links(call)
        await call("webhooks.delete", webhook.id)
        await _audit_log(call)
        await _accounts(platform)
        assert call.called | platform.called == set(OPERATIONS)


async def _webhooks(call: Calls) -> models.Webhook:
    made = await call(
        "webhooks.create", URL, ["order.*"], description="d", headers={"X-Team": "a"}, metadata={"k": "v"}
    )
    assert (made.url, made.events, made.headers, made.metadata) == (URL, ["order.*"], {"X-Team": "a"}, {"k": "v"})
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert made.created.tzinfo is not None
    changed = await call("webhooks.update", made.id, events=["*"], status="disabled", disabled_reason="moved")
    assert (changed.events, changed.status, changed.disabled_reason) == (["*"], "disabled", "moved")
    await call("webhooks.update", made.id, status="enabled")
    got = await call("webhooks.get", made.id)
    assert (got.secret, got.status) == (None, "enabled")
    assert set(got.raw) == {*got.__dataclass_fields__} - {"secret"}
    (listed,) = (await call("webhooks.list")).data
    assert listed == got
    assert (await call("webhooks.secret", made.id)).secret == made.secret
    rotated = await call("webhooks.rotate_secret", made.id, expires_in=3600)
    assert rotated.secret != made.secret
    assert len(rotated.older) == 1
    assert rotated.secret not in repr(rotated)
    stats = await call("webhooks.stats", made.id, period="7d")
    assert (stats.bucket_seconds, stats.totals.attempts, stats.totals.success_rate) == (3600, 0, None)
    assert stats.buckets[0].start < stats.buckets[-1].start
    return made


async def _events(call: Calls, webhook: str) -> models.PublishedEvent:
    event = await call("events.publish", "order.completed", {"order": 7}, idempotency_key="order-7")
    assert (event.type, event.data, event.status, event.webhooks, event.replayed) == (
        *("order.completed", {"order": 7}, "pending", 1),
        False,
    )
    again = await call("events.publish", "order.completed", {"order": 7.0}, idempotency_key="order-7")
    assert (again.id, again.replayed) == (event.id, True)
    batch = await call("events.publish_batch", [{"type": f"user.n{each}", "data": {"n": each}} for each in range(5)])
    assert [each.data["n"] for each in batch] == list(range(5))
    first = await call("events.list", limit=2)
    assert (len(first.data), first.has_more) == (2, True)
    # events of one millisecond are in no order
    assert sorted(each.id for each in await call.all(first)) == sorted(each.id for each in [*batch, event])
    a_day = timedelta(days=1)
    found = await call(
        "events.list",
        type="order.completed",
        status="pending",
        created_after=datetime.now(UTC) - a_day,
        created_before=datetime.now(UTC) + a_day,
    )
    assert [each.id for each in found.data] == [event.id]
    got = await call("events.get", event.id)
    assert got.body.startswith(f'{{"id":"{event.id}"')
    assert (got.deliveries.total, got.deliveries.pending, got.test) == (1, 1, False)
    resent = await call("events.resend", event.id, webhook=webhook)
    assert (resent.total, resent.has_more, resent.data[0].event) == (1, False, event.id)
    (delivery,) = (await call("events.deliveries", event.id, status="pending")).data
    assert delivery.webhook == webhook
    return event


async def _deliveries_and_alerts(call: Calls, event: str, webhook: str, world: StoreHarness) -> None:
    (delivery,) = (await call("deliveries.list", event=event, webhook=webhook, status="pending")).data
    assert (await call("deliveries.retry", delivery.id)).id == delivery.id
    tested = await call("webhooks.test", webhook, type="order.completed", wait=False)
    assert (tested.test, tested.attempts) == (True, [])
    assert len((await call("webhooks.deliveries", webhook, limit=100)).data) == 7
    await _give_up(world, delivery.id)
    got = await call("deliveries.get", delivery.id)
    (attempt,) = got.attempts
    assert (got.status, attempt.status, attempt.error) == ("failed", 500, "http_status")
    assert attempt.response.excerpt == "no"
    assert attempt.phases.wait is None
    (alert,) = (await call("alerts.list", webhook=webhook, acknowledged=False)).data
    assert (alert.delivery, alert.acknowledged) == (delivery.id, None)
    assert (await call("alerts.acknowledge", alert.id)).acknowledged is not None


async def _give_up(world: StoreHarness, delivery: str) -> None:
    """Have one attempt of it failed, and no other left."""
    digits = UUID(parse_id(Prefix.DELIVERY, delivery))
    await world.do(
        "INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail) "
        "VALUES (:id, 1, 0.25, flux_now(), 500, 'http_status', 'no')",
        id=digits,
    )
    await world.put(digits, "failed")
    await world.do(
        "INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason) "
        "SELECT account_id, webhook_id, event_id, id, 'gone' FROM deliveries WHERE id = :id",
        id=digits,
    )


async def _alert_channels(call: Calls) -> None:
    made = await call("alert_channels.create", "jsons://127.0.0.1/hook", name="On call", kinds=["webhook_failing"])
    assert (made.service, made.target, made.kinds) == ("webhook", "jsons://127.0.0.1/…", ["webhook_failing"])
    changed = await call("alert_channels.update", made.id, name="Ops", kinds=["webhook_disabled"], status="disabled")
    assert (changed.name, changed.status, changed.disabled_reason) == ("Ops", "disabled", "by_hand")
    tested = await call("alert_channels.test", made.id)
    assert (tested.channel, tested.status) == (made.id, "failed")
    got = await call("alert_channels.get", made.id)
    assert got.last_error == tested.error
    assert (await call("alert_channels.list")).data == [got]
    await call("alert_channels.delete", made.id)


async def _recoveries(call: Calls, webhook: str) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    counted = await call("webhooks.recover", webhook, since, dry_run=True)
    assert isinstance(counted, models.RecoveryCount)
    assert counted.missed.failed == 1
    begun = await call("webhooks.recover", webhook, since.isoformat())
    assert isinstance(begun, models.Recovery)
    assert begun.status == "pending"
    assert (await call("recoveries.get", begun.id)) == begun
    assert (await call("recoveries.list", webhook=webhook)).data == [begun]
    assert (await call("recoveries.cancel", begun.id)).status == "canceled"


async def _listen_sessions(call: Calls) -> None:
    made = await call("listen_sessions.create", events=["order.*"], forward_to="http://localhost:3000")
    assert (made.events, made.forward_to, made.status) == (["order.*"], "http://localhost:3000", "disconnected")
    assert made.socket_url.startswith("ws://")
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert (await call("webhooks.get", made.webhook)).is_listen
    got = await call("listen_sessions.get", made.id)
    assert set(got.raw) == {*got.__dataclass_fields__} - {"secret", "socket_url"}
    assert (await call("listen_sessions.list")).data == [got]
    await call("listen_sessions.end", made.id)
    assert (await call("listen_sessions.get", made.id)).ended_reason == "deleted"


async def _event_types(call: Calls) -> None:
    made = await call(
        "event_types.create", "invoice.paid", group="Billing", example={"a": 1}, schema={"type": "object"}
    )
    assert (made.group, made.example, made.schema, made.default) == ("Billing", {"a": 1}, {"type": "object"}, False)
    changed = await call("event_types.update", "invoice.paid", description="An invoice.", schema=None)
    assert (changed.description, changed.schema, changed.example) == ("An invoice.", None, {"a": 1})
    await call("event_types.archive", "invoice.paid")
    assert (await call("event_types.get", "invoice.paid")).archived_at is not None
    assert [each.name for each in await call.all(await call("event_types.list", archived=True))] == ["invoice.paid"]


async def _keys_and_links(call: Calls) -> None:
    ends = datetime.now(UTC) + timedelta(days=1)
    made = await call("api_keys.create", ["read"], name="reader", expires_at=ends, events_per_second=5)
    assert made.key.startswith("sk_live_")
    assert made.key not in repr(made)
    assert (made.name, made.events_per_second, made.requests_per_second) == ("reader", 5, None)
    assert {each.name for each in await call.all(await call("api_keys.list", limit=1))} == {"reader", ""}
    await call("api_keys.revoke", made.id)
    link = await call("portal_links.create", expires_in=60)
    assert link.url.startswith("http")
    assert link.url not in repr(link)


async def _audit_log(call: Calls) -> None:
    page = await call("audit_log.list", action="webhook.*", limit=2, created_before=datetime.now(UTC))
    entries = await call.all(page)
    assert {"webhook.created", "webhook.disabled", "webhook.deleted"} <= {each.action for each in entries}
    (changed,) = [each for each in entries if each.action == "webhook.disabled"]
    assert changed.summary == f"API key {changed.actor.name} disabled the webhook d"
    assert (changed.actor.kind, changed.target.name) == ("api_key", "d")
    assert changed.changes["status"] == {"before": "enabled", "after": "disabled"}
    pieces = await call("audit_log.export", format="csv", actor=changed.actor.api_key, target=changed.target.id)
    lines = b"".join(await call.all(pieces)).splitlines()
    assert lines[0].startswith(b'"id","created","account","action","summary"')
    assert len(lines) > len([each for each in entries if each.target.id == changed.target.id])


async def _accounts(call: Calls) -> None:
    made = await call("accounts.create", "Acme", external_id="cus 42/ü", metadata={"plan": "gold"})
    assert (await call("accounts.create", "Other", external_id="cus 42/ü")) == made
    assert (await call("accounts.get", "ext:cus 42/ü")) == made
    assert made.id in {each.id for each in await call.all(await call("accounts.list", limit=1))}
    for named in (made.id, "ext:cus 42/ü"):
        event = await call("events.publish", "a.b", {}, account=named)
        assert event.status == "unmatched"
        assert "POST /v1/webhooks" in event.note
    acting = Calls(call.flux.with_account(made.id))
    assert len((await acting("events.list")).data) == 2
    changed = await call("accounts.update", made.id, name="Acme Ltd", external_id=None)
    assert (changed.name, changed.external_id, changed.metadata) == ("Acme Ltd", None, {"plan": "gold"})
    await call("accounts.delete", made.id)
