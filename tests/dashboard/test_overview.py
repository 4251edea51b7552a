"""The overview: its figures are those of what was delivered, attention has its reasons, and the empty one teaches."""

import html
import re

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.formats import NOTHING
from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.domain.outcome import ErrorClass, Rejected
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.overview import MOST_EVENTS
from flux_dispatch.store.statistics import StatisticsStore
from tests.support.api import Caller, client
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness, event

MARKUP = "<script>alert(1)</script>"
CALM = "No webhook needs attention."


def figures(page: str) -> dict[str, str]:
    """Return what the cards of a page say, by their labels."""
    cards = re.findall(r'<p class="card figure-of"><span>(.*?)</span>(.*?)</p>', page, re.DOTALL)
    return {label: re.sub(r"<.*?>", " ", rest).strip() for label, rest in cards}


async def test_an_account_without_anything_is_told_how_to_begin(
    api: str, database: AsyncEngine, tenant: Caller
) -> None:
    async with signed_in(api, database, account=tenant.account, scopes=["admin"]) as browser:
        page = await browser.get(f"/dashboard/{tenant.account}/")
        assert page.status_code == 200
        assert "First steps" in page.text
        assert f'href="/dashboard/{tenant.account}/webhooks/new">Add Endpoint</a>' in page.text
        assert "/v1/events" in page.text
        assert "Flux-Account" not in page.text, "a key of the account need not name it"
        assert figures(page.text) == {}
        await tenant.webhook()
        page = await browser.get(f"/dashboard/{tenant.account}/")
        assert page.text.count("Done") == 1
        assert "/webhooks/new" not in page.text
        await tenant.event()
        page = await browser.get(f"/dashboard/{tenant.account}/")
        assert "First steps" not in page.text
        assert CALM in page.text
        assert figures(page.text)["Events"] == "1"


async def test_the_command_of_the_first_steps_publishes(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with signed_in(api, database, operator=True) as browser:
        page = await browser.get(f"/dashboard/{tenant.account}/")
    code = html.unescape(re.sub(r"<.*?>", "", page.text))
    assert f'Flux(api_url="{api}", account="{tenant.account}")' in code
    command = re.search(r"curl (\S+).*?-d '(.*?)'", code, re.DOTALL)
    assert command
    headers = dict(re.findall(r'-H "(.*?): (.*?)"', command[0]))
    assert headers.pop("Authorization") == "Bearer $FLUX_API_KEY"
    async with client(api, tenant.key) as http:
        answer = await http.post(command[1], content=command[2], headers=headers)
    assert answer.status_code == 202, answer.text


async def test_the_figures_are_those_of_what_was_delivered(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "order.*")
    delivered = [await world.delivery(tenant.account) for _ in range(3)]
    (given_up, waiting) = [await world.delivery(tenant.account) for _ in range(2)]
    await attempt(world, delivered)
    await give_up(world, [given_up])
    await attempt(world, [waiting], REJECTED)
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        page = await browser.get(f"/dashboard/{tenant.account}/")
        told = figures(page.text)
        assert told["Success"].split() == ["60.0", "%", "of", "5", "attempts"]
        assert (told["Events"], told["Given up"]) == ("5", "1")
        assert f"/deliveries/{waiting}" in page.text
        assert told["Oldest waiting"].split()[1] in {"second", "seconds"}
        await attempt(world, [waiting])
        told = figures((await browser.get(f"/dashboard/{tenant.account}/")).text)
        assert told["Oldest waiting"].endswith("Nothing waits.")
        assert "4" in re.findall(r"Delivered <b>(\d+)</b>", (await browser.get(f"/dashboard/{tenant.account}/")).text)


async def test_another_period_has_its_own_figures(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.advance_clock(0)
    await world.webhook(tenant.account, "*")
    await attempt(world, [await world.delivery(tenant.account)])
    await StatisticsStore(world.database).roll_up_some(10)
    await world.advance_clock(3 * 24 * 3600)
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        day = (await browser.get(f"/dashboard/{tenant.account}/")).text
        week = (await browser.get(f"/dashboard/{tenant.account}/?period=7d")).text
    assert "in the last 24 hours" in day
    assert (figures(day)["Events"], figures(day)["Success"].split()[0]) == ("0", NOTHING)
    assert "in the last 7 days" in week
    assert (figures(week)["Events"], figures(week)["Success"].split()[0]) == ("1", "100")


async def test_very_many_events_are_counted_so_far(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    for _ in range(10):
        await world.publish(*(event(tenant.account) for _ in range(MOST_EVENTS // 10)))
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        page = await browser.get(f"/dashboard/{tenant.account}/")
    assert figures(page.text)["Events"] == "10,000+"


async def test_what_needs_attention_says_why_and_leads_to_the_attempt(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    gone = await world.webhook(tenant.account, "gone", url=f"https://example.com/{MARKUP}")
    fails = await world.webhook(tenant.account, "fails")
    last = await world.delivery(tenant.account, "fails")
    await give_up(world, [await world.delivery(tenant.account, "gone")], Rejected(410, "gone for good"))
    await give_up(world, [last])
    await StatisticsStore(world.database).roll_up_some(100)
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        page = (await browser.get(f"/dashboard/{tenant.account}/")).text
    assert CALM not in page
    assert page.index(f"/webhooks/{gone}") < page.index(f"/webhooks/{fails}")
    assert "Your endpoint answered 410, which says that it is gone for good." in page
    assert advise(ErrorClass.HTTP_STATUS, 503) in page
    assert f"/deliveries/{last}" in page
    assert MARKUP not in page
    assert "&lt;script&gt;" in page


async def test_one_that_failed_without_a_stored_attempt_is_told_in_numbers(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    webhook = await world.webhook(tenant.account, "*")
    await tenant.event()
    await world.do(
        "INSERT INTO webhook_statistics (webhook_id, bucket, attempts, delivered, given_up, latencies) "
        "VALUES (CAST(:id AS uuid), date_bin('5 minutes', flux_now(), '2000-01-01Z'), 9, 1, 0, "
        "array_fill(0, ARRAY[15]))",
        id=parse_id(Prefix.WEBHOOK, webhook),
    )
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        page = (await browser.get(f"/dashboard/{tenant.account}/")).text
    assert "8 of 9 attempts failed within 24 hours" in page


async def test_others_see_only_what_is_theirs_and_customers_their_webhooks(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller
) -> None:
    async with signed_in(api, database, account=tenant.account, scopes=["read"]) as browser:
        assert (await browser.get(f"/dashboard/{other_tenant.account}/")).status_code == 404
        own = (await browser.get(f"/dashboard/{tenant.account}/")).text
    assert "/dashboard/accounts" not in own
    assert "/dashboard/operations" not in own
    async with signed_in(api, database, account=tenant.account) as customer:
        assert (await customer.get(f"/dashboard/{other_tenant.account}/")).status_code == 404
        led = await customer.get(f"/dashboard/{tenant.account}/")
    assert (led.status_code, led.headers["Location"]) == (303, f"/dashboard/{tenant.account}/webhooks")


async def test_statistics_that_take_too_long_do_not_take_the_rest_with_them(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    await world.webhook(tenant.account, "*")
    waiting = await world.delivery(tenant.account)
    async with (
        signed_in(api, database, account=tenant.account, scopes=["read"]) as browser,
        transaction(database) as other,
    ):
        await other.execute(text("LOCK TABLE webhook_tallies"))
        page = await browser.get(f"/dashboard/{tenant.account}/?period=30d", timeout=20)
    assert page.status_code == 200
    assert "too many statistics of 30 days" in page.text
    told = figures(page.text)
    assert (told["Events"], told["Given up"]) == ("1", NOTHING)
    assert f"/deliveries/{waiting}" in page.text
