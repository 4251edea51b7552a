"""What is in the database before a measurement begins: webhooks, events and deliveries, parked or finished ones too."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.environment import BenchEnvironment
from benchmarks.payload import DATA, SECRET, TYPE
from flux_dispatch.domain.event import Event, compose_body, serialised
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, format_id, new_id, parse_id
from flux_dispatch.domain.timing import Timing
from flux_dispatch.engine.publish import COMMIT_BATCH_SIZE
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.publish import EventStore

ENDPOINTS: Final = 100

_WEBHOOKS: Final = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
    SELECT $1::uuid, given.url, ARRAY[given.type], '', '{}', 'enabled', ARRAY[$2]
    FROM unnest($3::text[], $4::text[]) AS given (url, type)
"""

_PARKED: Final = """
    WITH hook AS (
        SELECT id, account_id, row_number() OVER (ORDER BY id) - 1 AS number FROM webhooks
    ), made AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT flux_new_id(), hook.account_id, 'order.parked', now(), $2::bytea
        FROM generate_series(1, $1::int) AS n JOIN hook ON hook.number = n % (SELECT count(*) FROM hook)
        RETURNING id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, sweep_at)
        SELECT made.id, hook.id, hook.account_id, 'scheduled', 1, made.due_at,
               date_trunc('second', made.due_at - interval '30 seconds')
        FROM (SELECT id, row_number() OVER () AS n, now() + $3::interval + random() * $4::interval AS due_at FROM made)
            AS made
        JOIN hook ON hook.number = made.n % (SELECT count(*) FROM hook)
    )
    SELECT count(*) FROM made
"""

_FINISHED: Final = """
    WITH hook AS (
        SELECT id, account_id, row_number() OVER (ORDER BY id) - 1 AS number FROM webhooks
    ), made AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT flux_new_id(), hook.account_id, 'order.finished', now(), $2::bytea
        FROM generate_series(1, $1::int) AS n JOIN hook ON hook.number = n % (SELECT count(*) FROM hook)
        RETURNING id
    ), done AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, ended_at)
        SELECT made.id, hook.id, hook.account_id, 'delivered', 1, now()
        FROM (SELECT id, row_number() OVER () AS n FROM made) AS made
        JOIN hook ON hook.number = made.n % (SELECT count(*) FROM hook)
        RETURNING id
    )
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status)
    SELECT id, 1, 0.01, now(), 200 FROM done
"""


def subscribe(environment: BenchEnvironment, urls: Sequence[str]) -> AccountId:
    """Make an account with a webhook at each URL; the n-th wants the events of the type `type_of(n)`."""
    account = environment.with_store(lambda database: AccountStore(database).create("bench"))
    types = [type_of(number) for number in range(len(urls))]
    environment.ask(_WEBHOOKS, parse_id(Prefix.ACCOUNT, account), SECRET, list(urls), types)
    return account


def type_of(number: int) -> str:
    """Return the event type that only the webhook of this number wants."""
    return f"{TYPE}.{number}"


def endpoints(url: str, count: int = ENDPOINTS) -> list[str]:
    """Return the URLs of so many endpoints at one server."""
    return [f"{url}/{number}" for number in range(count)]


def store_events(
    environment: BenchEnvironment, account: AccountId, count: int, data: dict[str, object] = DATA
) -> list[DeliveryId]:
    """Store so many events, the endpoints in turn, as publishing would; return their deliveries, none enqueued."""

    async def store(database: AsyncEngine) -> list[DeliveryId]:
        events = EventStore(database, Timing(lease=timedelta(seconds=25)))
        deliveries: list[DeliveryId] = []
        for start in range(0, count, COMMIT_BATCH_SIZE):
            batch = [_event(account, number, data) for number in range(start, min(start + COMMIT_BATCH_SIZE, count))]
            stored = await events.create(batch, first_delay=timedelta(0))
            deliveries += [delivery for each in stored if each for delivery in each.deliveries]
        return deliveries

    return environment.with_store(store)


def park(environment: BenchEnvironment, count: int, *, after: timedelta, spread: timedelta) -> None:
    """Have so many deliveries wait for their second attempt, due from `after` on, evenly over `spread`."""
    environment.ask(_PARKED, count, _body(), after, spread)
    environment.ask("ANALYZE")


def finish(environment: BenchEnvironment, count: int) -> None:
    """Have so many deliveries that were delivered long ago."""
    environment.ask(_FINISHED, count, _body())
    # which has been vacuumed since: autovacuum would do it beside what is measured
    environment.ask("VACUUM (ANALYZE)")


def _body() -> bytes:
    return compose_body(format_id(Prefix.EVENT, "0" * 32), TYPE, datetime.now(UTC), serialised(DATA))


def _event(account: AccountId, number: int, data: dict[str, object]) -> Event:
    now = datetime.now(UTC)
    event_id = cast(EventId, new_id(Prefix.EVENT, int(now.timestamp() * 1000)))
    event_type = type_of(number % ENDPOINTS)
    return Event(event_id, account, event_type, now, compose_body(event_id, event_type, now, serialised(data)))
