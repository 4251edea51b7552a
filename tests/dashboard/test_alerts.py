"""Alerts in the dashboard: what was given up, why, and acknowledging it."""

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id
from flux_dispatch.domain.outcome import Outcome, Rejected
from tests.support.api import Caller
from tests.support.attempted import REJECTED, give_up
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness, event

EVIL = "<script>alert(1)</script>"
URL = "https://example.com/hooks"


def path(account: AccountId, *more: str) -> str:
    return "/".join([f"/dashboard/{account}/alerts", *more])


async def given_up(
    world: StoreHarness, account: AccountId, event_type: str = "order.failed", outcome: Outcome = REJECTED
) -> tuple[DeliveryId, str]:
    """Give an event up at a webhook of its own; return the delivery and the alert."""
    await world.webhook(account, event_type, url=URL)
    (stored,) = await world.publish(event(account, event_type))
    (delivery,) = stored.deliveries
    await give_up(world, [delivery], outcome)
    return delivery, format_id(Prefix.ALERT, (await world.scalar("SELECT id FROM alerts ORDER BY id DESC LIMIT 1")).hex)


async def acknowledged(world: StoreHarness) -> int:
    return int(await world.scalar("SELECT count(*) FROM alerts WHERE acknowledged_at IS NOT NULL"))


async def test_an_alert_says_what_happened_where_and_leads_to_the_delivery(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    delivery, _ = await given_up(world, tenant.account, outcome=Rejected(401, "who are you?"))
    webhook = format_id(Prefix.WEBHOOK, (await world.scalar("SELECT id FROM webhooks")).hex)
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account))).text
    assert "Your endpoint answered 401." in page
    assert f"/deliveries/{delivery}" in page
    assert f"/webhooks/{webhook}" in page
    assert "order.failed" in page
    assert URL in page


async def test_one_is_acknowledged_and_leaves_the_open_ones(api: str, tenant: Caller, world: StoreHarness) -> None:
    (one, alert), (other, _) = [await given_up(world, tenant.account, each) for each in ("order.one", "order.other")]
    async with signed_in(api, world.database, account=tenant.account) as customer:
        answer = await customer.form(path(tenant.account), path(tenant.account, alert, "acknowledge"))
        assert answer.headers["Location"] == path(tenant.account) + "?done=alert_acknowledged"
        left = (await customer.get(path(tenant.account))).text
        everything = (await customer.get(path(tenant.account) + "?show=all")).text
    assert one not in left
    assert other in left
    assert one in everything
    assert other in everything
    assert await acknowledged(world) == 1


async def test_those_of_a_page_are_acknowledged_at_once_and_no_others(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    alerts = [(await given_up(world, tenant.account, f"order.n{n}"))[1] for n in range(3)]
    async with signed_in(api, world.database, account=tenant.account) as customer:
        assert "Acknowledge all 3 of this page" in (await customer.get(path(tenant.account))).text
        target = path(tenant.account, "acknowledge") + "?show=all"
        answer = await customer.form(path(tenant.account), target, alert=alerts[:2])
        assert answer.headers["Location"] == path(tenant.account) + "?show=all&done=alerts_acknowledged"
        assert await acknowledged(world) == 2
        for wrong in (["alrt_x"], alerts * 20):
            refused = await customer.form(path(tenant.account), target, alert=wrong)
            assert refused.status_code == 422
    assert await acknowledged(world) == 2


async def test_a_long_list_goes_on(api: str, tenant: Caller, world: StoreHarness) -> None:
    delivery, alert = await given_up(world, tenant.account)
    await world.do(
        "INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason) "
        "SELECT account_id, webhook_id, event_id, id, 'gone' FROM deliveries, generate_series(1, 50)"
    )
    async with signed_in(api, world.database, account=tenant.account) as customer:
        first = (await customer.get(path(tenant.account))).text
        assert f'id="{alert}"' not in first
        _, _, rest = first.partition('class="pager"')
        address = rest.partition('href="')[2].partition('"')[0]
        second = (await customer.get(address)).text
        assert f'id="{alert}"' in second
        assert second.count(delivery) == 1
        assert (await customer.get(path(tenant.account) + "?after=x")).status_code == 422


async def test_nothing_to_see_says_what_would_be_seen(api: str, tenant: Caller, world: StoreHarness) -> None:
    async with signed_in(api, world.database, account=tenant.account) as customer:
        assert "Nothing needs your attention" in (await customer.get(path(tenant.account))).text
        assert "No alerts" in (await customer.get(path(tenant.account) + "?show=all")).text


async def test_a_deleted_webhook_has_no_page_and_is_not_led_to(api: str, tenant: Caller, world: StoreHarness) -> None:
    delivery, _ = await given_up(world, tenant.account)
    await world.do("UPDATE webhooks SET deleted_at = flux_now(), description = :evil", evil=EVIL)
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account))).text
    assert delivery in page
    assert "deleted" in page
    assert "/webhooks/wh_" not in page
    assert EVIL not in page
    assert "&lt;script&gt;" in page


async def test_an_alert_without_an_attempt_says_what_is_known(api: str, tenant: Caller, world: StoreHarness) -> None:
    await given_up(world, tenant.account)
    for change, sentence in (
        ("UPDATE attempts SET error = 'of_a_later_release'", "Every attempt failed, and none is left."),
        ("DELETE FROM attempts", "Every attempt failed, and none is left."),
        ("UPDATE alerts SET reason = 'gone'", "Your endpoint answered 410, so the webhook is disabled."),
    ):
        await world.do(change)
        async with signed_in(api, world.database, account=tenant.account) as customer:
            assert sentence in (await customer.get(path(tenant.account))).text


async def test_anothers_alerts_are_neither_seen_nor_acknowledged(
    api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    delivery, alert = await given_up(world, other_tenant.account)
    async with signed_in(api, world.database, account=tenant.account) as customer:
        assert delivery not in (await customer.get(path(tenant.account) + "?show=all")).text
        await customer.form(path(tenant.account), path(tenant.account, alert, "acknowledge"))
        await customer.form(path(tenant.account), path(tenant.account, "acknowledge"), alert=[alert])
        for page in (path(other_tenant.account), path(other_tenant.account, "acknowledge")):
            assert (await customer.form(path(tenant.account), page, alert=[alert])).status_code in {404, 405}
    assert await acknowledged(world) == 0


async def test_who_may_only_read_acknowledges_nothing(api: str, tenant: Caller, world: StoreHarness) -> None:
    _, alert = await given_up(world, tenant.account)
    async with signed_in(api, world.database, account=tenant.account, scopes=["read"]) as reader:
        page = (await reader.get(path(tenant.account))).text
        assert "Acknowledge" not in page
        assert "Open" in page
        for target in (path(tenant.account, alert, "acknowledge"), path(tenant.account, "acknowledge")):
            assert (await reader.form(path(tenant.account), target, alert=[alert])).status_code == 403
    assert await acknowledged(world) == 0
