"""Recover: what a webhook missed is counted, delivered after all, watched, and called off."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.pages.webhook_recover import SPANS, part_done
from flux_dispatch.domain.ids import AccountId, RecoveryId, WebhookId
from flux_dispatch.domain.recovery import Missed, Recovery, RecoveryStatus, Span
from flux_dispatch.store.pages import first_id
from tests.support.api import Caller
from tests.support.dashboard import signed_in
from tests.support.pages import stored
from tests.support.store_harness import StoreHarness

NOW = datetime(2026, 5, 3, tzinfo=UTC)


async def missing(caller: Caller, world: StoreHarness) -> str:
    """Return a webhook that missed three events that failed, two that were canceled, and one that it never got."""
    webhook = str((await caller.webhook("*"))["id"])
    for _ in range(5):
        await caller.event()
    for n, row in enumerate(await world.rows("SELECT id FROM deliveries ORDER BY event_id")):
        await world.put(row.id, "failed" if n < 3 else "canceled")
    await world.do("UPDATE webhooks SET status = 'disabled'")
    await caller.event()
    await world.do("UPDATE webhooks SET status = 'enabled'")
    return webhook


def told(page: str) -> dict[str, str]:
    """Return what the cards of the page say, by their labels."""
    return dict(re.findall(r'<p class="card figure-of"><span>(.*?)</span><strong>(.*?)</strong>', page))


async def test_it_is_counted_first_and_nothing_is_changed(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await missing(tenant, world)}/recover"
    async with signed_in(api, database, account=tenant.account) as customer:
        before = await stored(world)
        first = (await customer.get(path)).text
        assert (told(first), "Begin</button>" in first) == ({}, False)
        assert re.findall(r'value="(\w+)"( checked)?> <span>', first) == [
            (each, " checked" if each == "24" else "") for each in (*SPANS, "at")
        ]
        for asked in (*(f"since={each}" for each in SPANS), "since=at&at=2026-01-15T10:30", "since=2026-01-15"):
            page = await customer.get(f"{path}?{asked}")
            assert page.status_code == 200
            assert told(page.text) == {"To be recovered": "6", "Failed": "3", "Canceled": "2", "Never sent": "1"}
            assert "Begin</button>" in page.text
        assert (
            'Since <time datetime="2026-01-15T10:30:00.000Z"'
            in (await customer.get(f"{path}?since=at&at=2026-01-15T10:30")).text
        )
        assert await stored(world) == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("since=", "Choose since when"),
        ("since=2", "Choose since when"),
        ("since=at", "Choose since when"),
        ("since=at&at=%3Cb%3E", "Choose since when"),
        ("since=9999-12-31T23:59:59", "lies in the future"),
        ("since=9999-12-31T23:59:59-23:59", "Choose since when"),
        ("since=0001-01-01T00:00:00%2B23:59", "Choose since when"),
        ("since=2026-02-30", "Choose since when"),
    ],
)
async def test_a_time_that_is_none_is_said_at_its_field(
    api: str, database: AsyncEngine, tenant: Caller, asked: str, said: str
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}/recover"
    async with signed_in(api, database, account=tenant.account) as customer:
        page = await customer.get(f"{path}?{asked}")
        assert page.status_code == 422
        assert said in re.findall(r'<p class="problem" id="since-problem">(.*?)</p>', page.text)[0]
        assert "<b>" not in page.text
        assert "Begin</button>" not in page.text
        sent = await customer.form(path, since=unquote(asked.partition("=")[2]))
        assert sent.status_code == 422
    assert await StoreHarness(database).scalar("SELECT count(*) FROM recoveries") == 0


async def test_what_missed_nothing_has_nothing_to_recover(api: str, database: AsyncEngine, tenant: Caller) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}/recover"
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(f"{path}?since=720")).text
    assert "It missed nothing in this time." in page
    assert "Begin</button>" not in page


async def test_it_is_begun_watched_and_called_off(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    webhook = await missing(tenant, world)
    path = f"/dashboard/{tenant.account}/webhooks/{webhook}/recover"
    async with signed_in(api, database, account=tenant.account) as customer:
        begun = await customer.form(path, since="24")
        assert (begun.status_code, begun.headers["Location"]) == (303, f"{path}?done=recovery_begun")
        page = (await customer.get(begun.headers["Location"])).text
        assert "The recovery has begun." in page
        assert '<progress max="100" value="0"' in page
        assert "data-refresh" in page
        assert "Count first" not in page
        span = "SELECT until - since FROM recoveries"
        assert abs(await world.scalar(span) - timedelta(hours=24)) < timedelta(minutes=1)
        cancel = re.findall(r'action="([^"]+/cancel)"', page)[0]

        quarter = await world.scalar("SELECT since + (until - since) / 4 FROM recoveries")
        running = "UPDATE recoveries SET status = 'running', position = CAST(:position AS uuid), failed = 3"
        await world.do(running, position=first_id(quarter, 1))
        page = (await customer.get(path)).text
        assert '<progress max="100" value="25"' in page
        assert "3: 3 failed, 0 canceled, 0 never sent" in page

        canceled = await customer.form(path, cancel)
        assert canceled.headers["Location"] == f"{path}?done=recovery_canceled"
        page = (await customer.get(canceled.headers["Location"])).text
        assert "Count first" in page
        assert '<span class="status off">Canceled</span>' in page
        assert (await customer.form(path, cancel)).status_code == 303, "a second time changes nothing"
        await world.do("UPDATE recoveries SET status = 'completed', reason = NULL")
        late = await customer.form(path, cancel)
        assert (late.status_code, "there is nothing to cancel" in late.text) == (409, True)
        assert '<span class="status good">Completed</span>' in (await customer.get(path)).text


async def test_of_two_at_once_the_page_shows_the_one_that_runs(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await missing(tenant, world)}/recover"
    async with signed_in(api, database, account=tenant.account) as customer:
        new = f"/dashboard/{tenant.account}/webhooks/new"
        assert (await customer.form(new, path, since="24")).status_code == 303
        second = await customer.form(new, path, since="1")
        assert (second.status_code, "<progress" in second.text) == (409, True)
        assert "/v1/" not in second.text
    assert await world.scalar("SELECT count(*) FROM recoveries") == 1


async def test_a_recovery_is_canceled_at_its_own_webhook_alone(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    new = f"/dashboard/{tenant.account}/webhooks/new"
    begun = []
    for caller in (tenant, other_tenant):
        webhook = (await caller.webhook("*"))["id"]
        answer = await caller.http.post(f"/v1/webhooks/{webhook}/recover", json={"since": "2026-01-01T00:00:00Z"})
        begun.append(answer.json()["id"])
    other = (await tenant.webhook("*"))["id"]
    async with signed_in(api, database, account=tenant.account) as customer:
        for recovery in (*begun, f"rec_{'0' * 32}", "x"):
            path = f"/dashboard/{tenant.account}/webhooks/{other}/recover/{recovery}/cancel"
            assert (await customer.form(new, path)).status_code == 404, recovery
    assert await world.scalar("SELECT count(*) FROM recoveries WHERE status = 'canceled'") == 0


async def test_a_disabled_one_has_to_be_enabled_first(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    path = f"/dashboard/{tenant.account}/webhooks/{await missing(tenant, world)}"
    await world.do("UPDATE webhooks SET status = 'disabled'")
    async with signed_in(api, database, account=tenant.account) as customer:
        page = (await customer.get(f"{path}/recover?since=24")).text
        assert "It is disabled, so nothing can be delivered. Enable it first." in page
        assert f'action="{path}/status"' in page
        assert "Begin</button>" not in page
        refused = await customer.form(f"{path}/recover", since="24")
        assert (refused.status_code, "Enable it first." in refused.text) == (409, True)
    assert await world.scalar("SELECT count(*) FROM recoveries") == 0


@pytest.mark.parametrize(
    ("hours", "position", "part"), [(4, 0, 0.0), (4, 1, 0.25), (4, 4, 1.0), (4, 5, 1.0), (4, -1, 0.0), (0, 0, 1.0)]
)
def test_how_far_one_has_come_is_told_by_time(hours: int, position: int, part: float) -> None:
    recovery = Recovery(
        id=RecoveryId("rec"),
        account=AccountId("acct"),
        webhook=WebhookId("wh"),
        span=Span(NOW, NOW + timedelta(hours=hours)),
        position=NOW + timedelta(hours=position),
        status=RecoveryStatus.RUNNING,
        reason=None,
        recovered=Missed(0, 0, 0),
        created_at=NOW,
        updated_at=NOW,
        ended_at=None,
    )
    assert part_done(recovery) == part
