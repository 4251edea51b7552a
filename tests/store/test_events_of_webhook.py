"""The events of a webhook: each once, newest first, through all pages, whatever else narrows the list."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.events import EVENT_STATUSES, EventQueries
from flux_dispatch.store.pages import Page
from tests.support.recount import STATUSES_ANEW, STATUSES_THAT_DIFFER, TOLD_STATUSES
from tests.support.store_harness import StoreHarness

# an event each ten seconds, with none to six deliveries, of any ending, to any of three webhooks
_FILL = (
    "SELECT setseed(0.5)",
    """
    INSERT INTO events (id, account_id, type, created_at, body)
    SELECT CAST(lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000800' || lpad(to_hex(n), 13, '0')
                AS uuid),
           CAST(:account AS uuid), CASE WHEN random() < 0.3 THEN 'invoice.paid' ELSE 'order.completed' END, at, '{}'
    FROM (
        SELECT n, timestamptz '2026-01-15T10:00:00Z' + n * interval '10 seconds' AS at FROM generate_series(1, 300) AS n
    ) AS numbered
    """,
    """
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, ended_at)
    SELECT id, CAST((CAST(:webhooks AS text[]))[webhook] AS uuid), account_id,
           (ARRAY['pending', 'delivered', 'failed', 'canceled'])[ending],
           (ARRAY[NULL, NULL, 'attempts_exhausted', 'webhook_deleted'])[ending],
           CASE WHEN ending > 1 THEN created_at END
    FROM (
        SELECT events.*, 1 + floor(3 * random() ^ 2)::int AS webhook, 1 + floor(4 * random())::int AS ending
        FROM events CROSS JOIN generate_series(1, 6) WHERE random() < 0.3
    ) AS each
    """,
    # of those that are the only one of their event some say so, and some are of an earlier release
    """
    UPDATE deliveries SET is_only = true
    WHERE (SELECT count(*) FROM deliveries AS each WHERE each.event_id = deliveries.event_id) = 1 AND random() < 0.5
    """,
    *STATUSES_ANEW,
)
_TOLD = f"""
    SELECT events.id, type, created_at, status, ARRAY(
        SELECT encode(uuid_send(webhook_id), 'hex') FROM deliveries WHERE event_id = events.id
    ) AS webhooks
    FROM events JOIN ({TOLD_STATUSES}) AS told ON told.event_id = events.id ORDER BY events.id DESC
"""  # noqa: S608 - ours
_TIMES = {
    "created_after": datetime.fromisoformat("2026-01-15T10:15:00Z"),
    "created_before": datetime.fromisoformat("2026-01-15T10:35:00Z"),
}


@pytest.fixture
async def queries(database_url: str) -> Any:
    engine = open_database(database_url, plans=Plans.CUSTOM)
    yield EventQueries(engine)
    await engine.dispose()


async def test_its_events_are_those_that_have_a_delivery_to_it(world: StoreHarness, queries: EventQueries) -> None:
    account = await world.account()
    webhooks = [await world.webhook(account, "*") for _ in range(3)]
    await _fill(world, account, webhooks)
    told = await world.rows(_TOLD)
    met = set()
    for filters in _combinations(webhooks):
        expected = [row.id for row in told if _passes(row, filters)]
        for limit in (7, 100):
            assert await _all_pages(queries, account, filters, limit) == expected, (filters, limit)
        met |= {filters["status"]} if expected and "status" in filters else set()
    assert met == set(EVENT_STATUSES) - {"unmatched"}
    assert any(len(row.webhooks) > len(set(row.webhooks)) for row in told), "no event was sent to a webhook twice"


async def test_a_webhook_of_another_account_and_one_that_is_none_have_no_events(
    world: StoreHarness, queries: EventQueries
) -> None:
    account, other = await world.account(), await world.account()
    webhooks = [await world.webhook(account, "*") for _ in range(3)]
    await _fill(world, account, webhooks)
    for webhook in (parse_id(Prefix.WEBHOOK, webhooks[0]), "0" * 32):
        for status in ({}, *({"status": each} for each in EVENT_STATUSES)):
            assert await queries.page(other, Page(26), {"webhook": webhook} | status) == []


async def _fill(world: StoreHarness, account: AccountId, webhooks: list[WebhookId]) -> None:
    given: dict[str, Any] = {"account": parse_id(Prefix.ACCOUNT, account)}
    given["webhooks"] = [parse_id(Prefix.WEBHOOK, each) for each in webhooks]
    for statement in _FILL:
        await world.do(statement, **{name: value for name, value in given.items() if f":{name}" in statement})
    assert await world.rows(STATUSES_THAT_DIFFER) == []


def _combinations(webhooks: list[WebhookId]) -> Iterator[dict[str, Any]]:
    """Yield the filters of each webhook, alone and together with any others."""
    times = [{}, *({name: at} for name, at in _TIMES.items()), _TIMES]
    for webhook, status, event_type, time in product(
        webhooks, (None, *EVENT_STATUSES), (None, "invoice.paid", "never.sent"), times
    ):
        filters = {"webhook": parse_id(Prefix.WEBHOOK, webhook), "status": status, "type": event_type, **time}
        yield {name: value for name, value in filters.items() if value}


def _passes(row: Any, filters: Mapping[str, Any]) -> bool:
    return (
        filters["webhook"] in row.webhooks
        and filters.get("status", row.status) == row.status
        and filters.get("type", row.type) == row.type
        and ("created_after" not in filters or row.created_at > filters["created_after"])
        and ("created_before" not in filters or row.created_at < filters["created_before"])
    )


async def _all_pages(queries: EventQueries, account: AccountId, filters: Mapping[str, Any], limit: int) -> list[Any]:
    found: list[Any] = []
    while True:
        after = (found[-1].hex,) if found else None
        page = [row.id for row in await queries.page(account, Page(limit, after), filters)]
        found += page
        if len(page) < limit:
            return found
