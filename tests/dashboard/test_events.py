"""The list of events: newest first, narrowed by its address, with a first step where it is empty; and publishing."""

import re
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import EventId
from tests.support.api import Caller
from tests.support.attempted import attempt, give_up
from tests.support.dashboard import SignedIn, signed_in
from tests.support.store_harness import StoreHarness, event

ROW = re.compile(r'<tr id="(evt_\w+)">')
MARKUP = "<i>bold</i>"


def listed(page: str) -> list[str]:
    return ROW.findall(page)


async def narrowed(browser: SignedIn, tenant: Caller, answers: int = 200, **query: str) -> str:
    answer = await browser.get(f"/dashboard/{tenant.account}/events", params=query)
    assert answer.status_code == answers, answer.text
    return answer.text


async def test_events_are_listed_with_what_became_of_them(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    for _ in range(2):
        await world.webhook(tenant.account, "order.*")
    stored = await world.publish(*(event(tenant.account) for _ in range(2)), event(tenant.account, "invoice.paid"))
    await attempt(world, stored[0].deliveries[:1])
    await give_up(world, stored[0].deliveries[1:])
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.READ]) as browser:
        page = await narrowed(browser, tenant)
        assert listed(page) == sorted((each.event.id for each in stored), reverse=True)
        first = page[page.index(f'id="{stored[0].event.id}"') :]
        assert "Failed" in first.split("</tr>")[0]
        assert ">1 of 2<" in first.split("</tr>")[0]
        assert "Publish an event" not in page
        assert listed(await narrowed(browser, tenant, type="invoice.paid")) == [stored[2].event.id]
        assert listed(await narrowed(browser, tenant, status="failed")) == [stored[0].event.id]
        at = stored[0].event.created_at
        assert listed(await narrowed(browser, tenant, created_after=f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M}")) == []
        assert len(listed(await narrowed(browser, tenant, created_after=rfc3339_seconds(at - timedelta(hours=1))))) == 3
        nothing = await narrowed(browser, tenant, created_before="2020-01-01T00:00")
        assert "No event fits" in nothing
        assert 'value="2020-01-01T00:00"' in nothing


async def test_older_events_are_a_page_away_with_the_same_filters(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    stored = await world.publish(*(event(tenant.account) for _ in range(52)))
    async with signed_in(api, database, account=tenant.account) as browser:
        page = await narrowed(browser, tenant, type="order.completed")
        assert len(listed(page)) == 50
        (older,) = re.findall(r'href="([^"]+)" rel="next"', page)
        assert "type=order.completed" in older
        more = (await browser.get(older.replace("&amp;", "&"))).text
        assert listed(page) + listed(more) == sorted((each.event.id for each in stored), reverse=True)
        assert "data-live-rows" in await narrowed(browser, tenant)
        assert "data-live-rows" not in page + more, "new ones do not belong on these"


@pytest.mark.parametrize(
    "case",
    [
        ("type", "<script>", "An event type is words"),
        ("status", "lost", "There is no such status"),
        ("created_after", "yesterday", "Give a time like"),
        ("created_before", "0001-01-01T00:00+14:00", "Give a time like"),
        ("id", "<b>42</b>", "This is no id"),
    ],
)
async def test_a_filter_that_cannot_be_is_said_at_its_field(
    api: str, database: AsyncEngine, tenant: Caller, case: tuple[str, str, str]
) -> None:
    name, value, says = case
    async with signed_in(api, database, account=tenant.account) as browser:
        page = await narrowed(browser, tenant, 422, **{name: value})
    (said,) = re.findall(rf'<p class="problem" id="{name}-problem">([^<]+)', page)
    assert said.startswith(says)
    assert "No event fits" not in page, "none was looked for"
    assert value not in page or "<" not in value


async def test_an_id_leads_straight_to_its_page(api: str, database: AsyncEngine, tenant: Caller) -> None:
    await tenant.webhook("*")
    published = await tenant.event()
    async with signed_in(api, database, account=tenant.account) as browser:
        answer = await browser.get(f"/dashboard/{tenant.account}/events", params={"id": f" {published['id']} "})
        assert answer.headers["Location"] == f"/dashboard/{tenant.account}/events/{published['id']}"
        assert (await browser.get(answer.headers["Location"])).status_code == 200


async def test_an_empty_list_shows_the_first_step(api: str, database: AsyncEngine, tenant: Caller) -> None:
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        page = await narrowed(browser, tenant)
        assert "No events yet" in page
        assert f"{api}/v1/events" in page
        assert "Flux-Account" not in page
    async with signed_in(api, database, operator=True) as operator:
        assert f"Flux-Account: {tenant.account}" in await narrowed(operator, tenant)
    async with signed_in(api, database, account=tenant.account) as customer:
        page = await narrowed(customer, tenant)
        assert "No events yet" in page
        assert "curl" not in page
        assert "events/new" not in page


async def test_a_type_is_text_whatever_it_says(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    (stored,) = await world.publish(event(tenant.account, MARKUP))
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        for path in ("events", f"events/{stored.event.id}"):
            page = (await browser.get(f"/dashboard/{tenant.account}/{path}")).text
            assert MARKUP not in page
            assert "&lt;i&gt;bold" in page


async def test_an_event_is_published_by_hand_letter_for_letter(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    new = f"/dashboard/{tenant.account}/events/new"
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.EVENTS_WRITE, Scope.READ]) as browser:
        data = '{"price": 1.10, "far": 0.10000000000000001, "text": "ä"}'
        answer = await browser.form(new, type="order.completed", data=data)
        made = EventId(answer.headers["Location"].rpartition("/")[2].partition("?")[0])
        assert answer.headers["Location"] == f"/dashboard/{tenant.account}/events/{made}?done=event_published"
        body = await world.scalar("SELECT convert_from(body, 'UTF8') FROM events")
        assert '"price": 1.10, "far": 0.10000000000000001, "text": "\\u00e4"' in body
        assert "Published." in (await browser.get(answer.headers["Location"])).text


@pytest.mark.parametrize(
    "case",
    [
        ("type", "order completed", "An event type is words"),
        ("data", "{", "This is not JSON"),
        ("data", "[1]", "Give a JSON object"),
        ("data", " ", "Give a JSON object"),
        ("data", '{"a": NaN}', "NaN is no JSON number"),
        ("data", '{"a": 1e999}', "is a larger number"),
        ("data", '{"a": 1, "a": 2}', "stands there twice"),
        ("data", '{"a": "\\u0000"}', "cannot be written as JSON"),
        ("data", '{"a":' * 101 + "1" + "}" * 101, "more than 100 levels"),
        ("data", '{"a":' * 10_000, "not JSON|more than 100 levels"),
    ],
)
async def test_what_is_wrong_with_it_is_said_at_its_field(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller, case: tuple[str, str, str]
) -> None:
    field, value, says = case
    given = {"type": "order.completed", "data": "{}", field: value}
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.ADMIN]) as browser:
        answer = await browser.form(f"/dashboard/{tenant.account}/events/new", **given)
    assert answer.status_code in {400, 422}
    (said,) = re.findall(rf'<p class="problem" id="{field}-problem">([^<]+)', answer.text)
    assert re.search(says, said)
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_who_may_only_read_and_customers_publish_nothing(api: str, database: AsyncEngine, tenant: Caller) -> None:
    new = f"/dashboard/{tenant.account}/events/new"
    async with signed_in(api, database, account=tenant.account, scopes=[Scope.READ]) as reader:
        assert (await reader.get(new)).status_code == 403
        sent = await reader.form(f"/dashboard/{tenant.account}/events", to=new, type="order.completed", data="{}")
        assert sent.status_code == 403
    async with signed_in(api, database, account=tenant.account) as customer:
        sent = await customer.form(f"/dashboard/{tenant.account}/events", to=new, type="order.completed", data="{}")
        assert sent.status_code == 404
