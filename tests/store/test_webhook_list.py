"""Webhooks are found by status and by a piece of what they are called, and each with its last failure."""

from datetime import timedelta
from uuid import UUID

import pytest

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Rejected
from flux_dispatch.store.pages import Page
from flux_dispatch.store.webhooks import WebhookQueries
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.store_harness import SEALS, StoreHarness, event

PAGE = Page(25)


@pytest.fixture
def queries(world: StoreHarness) -> WebhookQueries:
    return WebhookQueries(world.database, SEALS)


async def described(world: StoreHarness, account: AccountId, url: str, description: str = "") -> WebhookId:
    webhook = await world.webhook(account, "*", url=url)
    await world.do(
        "UPDATE webhooks SET description = :description WHERE id = CAST(:id AS uuid)",
        description=description,
        id=parse_id(Prefix.WEBHOOK, webhook),
    )
    return webhook


async def test_a_piece_finds_what_has_it_in_its_url_or_description(
    world: StoreHarness, account: AccountId, queries: WebhookQueries
) -> None:
    shop = await described(world, account, "https://shop.example.com/Hooks", "The shop")
    crm = await described(world, account, "https://crm.example.com/a_b", r"100 % of C:\orders")
    await described(world, await world.account(), "https://shop.example.com/hooks", "the shop")
    for search, expected in [
        ("hooks", [shop]),
        ("THE SHOP", [shop]),
        ("example.com", [crm, shop]),
        ("", [crm, shop]),
        ("%", [crm]),
        ("_", [crm]),
        ("a_b", [crm]),
        ("shop_example", []),
        ("s%p", []),
        ("\\", [crm]),
        ("C:\\o", [crm]),
        ("\\%", []),
        ("'; --", []),
        ("nothing", []),
        ("\0", []),
        ("\ud800", []),
    ]:
        found = [each.id for each in await queries.page(account, PAGE, {"search": search})]
        assert found == sorted(expected, reverse=True), search


async def test_a_status_narrows_and_pages_follow(
    world: StoreHarness, account: AccountId, queries: WebhookQueries
) -> None:
    made = sorted([await described(world, account, f"https://example.com/{number}") for number in range(5)])
    await world.do(
        "UPDATE webhooks SET status = 'disabled' WHERE id = CAST(:id AS uuid)", id=parse_id(Prefix.WEBHOOK, made[1])
    )
    assert [each.id for each in await queries.page(account, PAGE, {"status": "disabled"})] == [made[1]]
    enabled = {"status": "enabled", "search": "example"}
    first = [each.id for each in await queries.page(account, Page(2), enabled)]
    assert first == [made[4], made[3]]
    behind = Page(2, (parse_id(Prefix.WEBHOOK, first[-1]),))
    assert [each.id for each in await queries.page(account, behind, enabled)] == [made[2], made[0]]
    assert [each.id for each in await queries.page(account, PAGE)] == made[::-1]
    assert await queries.page(await world.account(), PAGE, enabled) == []


async def test_the_last_failure_is_the_latest_of_what_failed_and_of_what_is_open(
    world: StoreHarness, account: AccountId, queries: WebhookQueries
) -> None:
    one, well, another = (
        await world.webhook(account, "one"),
        await world.webhook(account, "well"),
        await world.webhook(other := await world.account(), "*"),
    )
    await attempt(world, [await world.delivery(account, "well")])
    assert await queries.last_failures(account, [one, well, another]) == {}
    first, second = await world.delivery(account, "one"), await world.delivery(account, "one")
    await give_up(world, [second], Rejected(500, "broken"))
    found = await queries.last_failures(account, [one, well, another, one])
    assert list(found) == [one]
    assert (found[one].delivery, found[one].attempt.excerpt) == (second, "broken")
    before = found[one].attempt.ended_at
    await world.advance_clock(60)
    await attempt(world, [first], NoResponse(ErrorClass.TIMEOUT, "Nothing came."))
    await give_up(world, [await world.delivery(other)])
    found = await queries.last_failures(account, [one])
    failure = found[one]
    assert (failure.delivery, failure.attempt.error, failure.attempt.number) == (first, "timeout", 1)
    assert failure.attempt.ended_at == before + timedelta(seconds=60)
    event_id = await world.scalar(
        "SELECT event_id FROM deliveries WHERE id = :id", id=UUID(parse_id(Prefix.DELIVERY, first))
    )
    assert parse_id(Prefix.EVENT, failure.event) == event_id.hex
    assert list(await queries.last_failures(other, [one, another])) == [another]
    assert await queries.last_failures(account, []) == {}


async def test_a_backlog_of_what_was_never_attempted_hides_no_failure(
    world: StoreHarness, account: AccountId, queries: WebhookQueries
) -> None:
    webhook = await world.webhook(account, "*")
    oldest = await world.delivery(account)
    await attempt(world, [oldest], REJECTED)
    await world.publish(*(event(account) for _ in range(50)))
    assert (await queries.last_failures(account, [webhook]))[webhook].delivery == oldest
