"""Of a hundred thousand entries a page of what is rare is found without reading the others."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action, actions_like
from flux_dispatch.domain.audit_entry import Reader
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.store.audit_log import AuditLogQueries, audit_log_query
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.pages import Page
from tests.support.explained import rows_touched
from tests.support.store_harness import StoreHarness

PAGE: Final = Page(26)
KEY: Final = "7" * 32

# half of them one account's, a tenth the platform's; the oldest of each are of another action, key and thing
_FILL: Final = """
    INSERT INTO audit_entries (id, account_id, created_at, action, actor_kind, actor_name, api_key_id, target_id)
    SELECT CAST(lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000800' || lpad(to_hex(n), 13, '0')
                AS uuid),
           CASE WHEN n % 10 < 5 THEN CAST(:account AS uuid) WHEN n % 10 < 9 THEN flux_new_id() END, at,
           CASE WHEN n <= 500 THEN 'webhook.deleted' ELSE 'delivery.retried' END, 'api_key', '',
           CASE WHEN n <= 500 THEN CAST(:key AS uuid) ELSE CAST(:account AS uuid) END,
           CASE WHEN n <= 500 THEN 'wh_rare' ELSE 'dlv_common' END
    FROM (SELECT n, now() - (100000 - n) * interval '1 minute' AS at FROM generate_series(1, 100000) AS n) AS s
"""


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_database(database_url, plans=Plans.CUSTOM)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("statistics", ["up to date", "of the time before"])
async def test_a_page_goes_by_its_index(world: StoreHarness, reading: AsyncEngine, statistics: str) -> None:
    account = await world.account()
    if statistics != "up to date":
        await world.do("ANALYZE audit_entries")
    await world.do(_FILL, account=parse_id(Prefix.ACCOUNT, account), key=KEY)
    if statistics == "up to date":
        await world.do("ANALYZE audit_entries")
    now = await world.scalar("SELECT max(created_at) FROM audit_entries")
    filters: list[dict[str, Any]] = [
        {},
        {"actions": {Action.WEBHOOK_DELETED}},
        {"actions": actions_like("webhook.*")},
        {"actor": format_id(Prefix.API_KEY, KEY)},
        {"target": "wh_rare"},
        {"target": "wh_nothing"},
        {"created_before": now - timedelta(days=60)},
        {"created_after": now - timedelta(minutes=20)},
    ]
    whose: tuple[AccountId | None, ...] = (account, None)
    for owner in whose:
        for reader in Reader:
            for each in filters:
                query, given = audit_log_query(owner, PAGE, each, reader)
                touched = await rows_touched(reading, query, given | {"limit": PAGE.limit}, owner)
                assert touched <= 40 * PAGE.limit, (owner is None, reader, each, touched)
                found = await AuditLogQueries(reading).page(owner, PAGE, each, reader)
                assert found == sorted(found, key=lambda entry: entry.id, reverse=True)
    for narrowed in filters[1:5]:
        assert len(await AuditLogQueries(reading).page(account, PAGE, narrowed, Reader.PLATFORM)) == PAGE.limit
