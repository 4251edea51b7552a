"""How fast one worker drains a backlog, against the raw limit of aiohttp in the same run.

    python -m benchmarks.drain [--deliveries 20000] [--rounds 3]

Rounds take turns: raw, drain, raw, drain, …; the ratio is that of the medians. Every delivery is reconciled against
what the sink counted. The result goes to benchmarks/results/ as JSON.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.parts import Servers, machine, process, report, servers, sink
from benchmarks.payload import DATA, SECRET, TYPE
from config.celeryconfig import celery_settings
from flux_dispatch.domain.event import Event, compose_body
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, new_id, public_id
from flux_dispatch.store.accept import EventStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from flux_dispatch.store.timing import Timing
from flux_dispatch.store.topics import topics
from workers.bell import CeleryBell

ENDPOINTS = 100
CONCURRENCY = 200
"""Of the raw client: what a worker has in flight is bounded by its messages, which is more."""

WORKER = ["-m", "flux_dispatch.cli.main", "worker"]


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with servers() as parts, sink() as url:
        rounds = [_round(parts, url, options.deliveries, number) for number in range(options.rounds)]
    _write(rounds, options.deliveries)


def _round(parts: Servers, url: str, count: int, number: int) -> dict[str, float]:
    raw = _raw(url, count)
    drained = _drain(parts, url, count)
    figures = {"raw_per_second": round(raw), "drain_per_second": round(drained), "ratio": round(drained / raw, 3)}
    sys.stdout.write(f"round {number + 1}: {figures}\n")
    return figures


def _raw(url: str, count: int) -> float:
    arguments = [sys.executable, "-m", "benchmarks.raw", url, str(count), str(CONCURRENCY)]
    result = json.loads(subprocess.check_output(arguments))  # noqa: S603 - our own script
    report(url)
    return float(result["posts"] / result["seconds"])


def _drain(parts: Servers, url: str, count: int) -> float:
    deliveries = asyncio.run(_preload(parts, url, count))
    _ring(parts, deliveries)
    with process([sys.executable, *WORKER], parts.environment()):
        seconds = asyncio.run(_wait_until_drained(parts, count))
    counted = report(url)
    if counted != {"requests": count, "distinct": count}:
        sys.exit(f"{count} deliveries were stored, but the sink saw {counted}")
    return count / seconds


async def _preload(parts: Servers, url: str, count: int) -> list[DeliveryId]:
    database = open_database(parts.database_url)
    await migrate(database)
    account = await _subscribe(database, url)
    events = EventStore(database, Timing(lease=timedelta(seconds=30)))
    deliveries: list[DeliveryId] = []
    for start in range(0, count, 500):
        batch = [_event(account, n) for n in range(start, min(start + 500, count))]
        stored = await events.add(batch, first_delay=timedelta(0))
        deliveries += [delivery for each in stored if each for delivery in each.deliveries]
    await database.dispose()
    return deliveries


async def _subscribe(database: AsyncEngine, url: str) -> AccountId:
    async with database.connect() as connection:
        account = (await connection.execute(text("INSERT INTO accounts (name) VALUES ('bench') RETURNING id"))).scalar()
        account_hex = cast(Any, account).hex
        for n in range(ENDPOINTS):
            await connection.execute(
                text("""
                    INSERT INTO webhooks (account_id, url, events, topics, description, headers, status, secrets)
                    VALUES (CAST(:account AS uuid), :url, CAST(:events AS text[]), CAST(:topics AS text[]), '', '{}',
                            'enabled', CAST(:secrets AS text[]))
                """),
                {
                    "account": account_hex,
                    "url": f"{url}{n}",
                    "events": [f"{TYPE}.{n}"],
                    "topics": topics(account_hex, [f"{TYPE}.{n}"]),
                    "secrets": [SECRET],
                },
            )
    return cast(AccountId, public_id(Prefix.ACCOUNT, account_hex))


def _event(account: AccountId, number: int) -> Event:
    now = datetime.now(UTC)
    event_id = cast(EventId, new_id(Prefix.EVENT, int(now.timestamp() * 1000)))
    event_type = f"{TYPE}.{number % ENDPOINTS}"
    return Event(event_id, account, event_type, now, compose_body(event_id, event_type, now, DATA))


def _ring(parts: Servers, deliveries: Sequence[DeliveryId]) -> None:
    from celery import Celery

    app = Celery("bench")
    app.config_from_object(celery_settings(parts.redis_url))
    bell = CeleryBell(app)
    bell.deliver(deliveries, attempt=1, countdown_seconds=0)
    bell.close()


async def _wait_until_drained(parts: Servers, count: int) -> float:
    """Return the seconds from the first settled attempt to the last; the database is asked ten times a second."""
    database = open_database(parts.database_url)
    left = text("SELECT count(*) FROM deliveries WHERE wake_at IS NOT NULL")
    span = text("""
        SELECT extract(epoch FROM max(ended_at) - min(ended_at - make_interval(secs => duration_seconds)))
        FROM (SELECT ended_at, duration_seconds FROM attempts ORDER BY ended_at DESC LIMIT :count) AS ours
    """)
    async with database.connect() as connection:
        while (await connection.execute(left)).scalar():  # noqa: ASYNC110 - another process empties the table
            await asyncio.sleep(0.1)
        seconds = (await connection.execute(span, {"count": count})).scalar()
    await database.dispose()
    return float(cast(float, seconds))


def _write(rounds: list[dict[str, float]], count: int) -> None:
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    medians["ratio"] = round(medians["drain_per_second"] / medians["raw_per_second"], 3)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()  # noqa: S607
    result = {"deliveries": count, "rounds": rounds, "medians": medians, "machine": machine(), "commit": commit}
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y-%m-%d}-{commit}-drain.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    sys.stdout.write(f"drain ÷ raw = {medians['ratio']}   ({file})\n")


if __name__ == "__main__":
    main()
