"""Has webhooks miss events, one by one or very many at once, and recovers them page by page."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from flux_dispatch.domain.event import Event
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, new_id, parse_id
from flux_dispatch.domain.recovery import Pace, RecoveredPage, Recovery, Span
from flux_dispatch.store.recover import COMMITTED_AFTER, RecoverStore
from flux_dispatch.store.recoveries import RecoveryQueries, RecoveryStore
from tests.support.store_harness import StoreHarness

PACE = Pace(page=10, scan=1000, per_second=1000)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


MISSED = """
    WITH hook AS (
        SELECT id, account_id FROM webhooks WHERE id = CAST({webhook} AS uuid)
    ), happened AS (
        INSERT INTO events (id, account_id, type, created_at, failed_at, body)
        SELECT CAST(lpad(to_hex(extract(epoch FROM at)::bigint * 1000 + n % 1000), 12, '0')
                    || '7000800' || lpad(to_hex(n), 13, '0') AS uuid),
               hook.account_id, 'order.completed', at, CASE WHEN n % 3 = 0 THEN at END, '{{"data":{{}}}}'
        FROM hook, (
            SELECT n, flux_now() - interval '1 hour' + n / 1000 * interval '1 second' AS at
            FROM generate_series(0, CAST({count} AS int) - 1) AS n
        ) AS numbered
        RETURNING id, failed_at
    )
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, attempts, ended_at)
    SELECT happened.id, hook.id, hook.account_id, CASE WHEN k % 3 = 0 THEN 'failed' ELSE 'canceled' END,
           CASE WHEN k % 3 = 0 THEN 'attempts_exhausted' ELSE 'webhook_disabled' END,
           CASE WHEN k % 3 = 0 THEN 5 ELSE 0 END, flux_now()
    FROM hook, (SELECT id, row_number() OVER (ORDER BY id) - 1 AS k FROM happened) AS happened
    WHERE k % 3 < 2
"""
"""Of three events, one has a delivery that failed after five attempts, one has one that was canceled, one has none."""


async def begin(
    world: StoreHarness, account: AccountId, webhook: WebhookId, *, since: datetime = LONG_AGO, until: Any = None
) -> Recovery:
    """Have all recovered that was published up to now, a while later."""
    await world.advance_clock(60)
    span = Span(since, until or await world.scalar("SELECT flux_now()"))
    await world.advance_clock(COMMITTED_AFTER.total_seconds())
    begun = await RecoveryStore(world.database).begin(account, webhook, span)
    assert isinstance(begun, Recovery)
    return begun


async def recover_all(world: StoreHarness, store: RecoverStore, pace: Pace = PACE) -> list[RecoveredPage]:
    """Come until every recovery is over, and return what was done each time."""
    pages = []
    while True:
        if page := await store.recover_some(pace):
            pages.append(page)
        elif (seconds := await store.seconds_until_next()) is None:
            return pages
        else:
            await world.advance_clock(max(seconds, 0))


async def shown(world: StoreHarness, recovery: Recovery) -> Recovery:
    found = await RecoveryQueries(world.database).get(recovery.account, recovery.id)
    assert found
    return found


async def states(world: StoreHarness) -> list[str]:
    return [row.state for row in await world.rows("SELECT state FROM deliveries ORDER BY event_id, id")]


async def missed(world: StoreHarness, account: AccountId, count: int, state: str = "failed") -> list[DeliveryId]:
    """Return so many new deliveries in this state, after two attempts."""
    made = [await world.delivery(account) for _ in range(count)]
    for each in made:
        await world.put(UUID(parse_id(Prefix.DELIVERY, each)), state)
        await world.do(
            "UPDATE deliveries SET attempts = 2, rescues = 1 WHERE id = CAST(:id AS uuid)",
            id=parse_id(Prefix.DELIVERY, each),
        )
    if state == "failed":
        await world.do(
            "UPDATE events SET failed_at = flux_now() WHERE id IN (SELECT event_id FROM deliveries WHERE ending = 2)"
        )
    return made


def at(account: AccountId, moment: datetime) -> Event:
    """Return an event that was made then."""
    of = cast(EventId, new_id(Prefix.EVENT, int(moment.timestamp() * 1000)))
    return Event(of, account, "order.completed", moment, b'{"data":{}}')
