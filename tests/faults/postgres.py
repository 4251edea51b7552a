"""What happens to PostgreSQL, its locks and its connections."""

import asyncio
import signal
import time
from contextlib import suppress

import asyncpg

from tests.faults.ground import OUTAGE_SECONDS, Ground
from tests.waiting import let_others_run, wait_seconds


def restarted(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.database.restart_immediately()
    ground.wait_for_arrivals(50)
    strange = set(ground.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while the database was down"


def restarted_while_a_worker_is_frozen(ground: Ground) -> None:
    frozen, _ = ground.two_workers()
    ground.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    ground.database.restart_immediately()
    wait_seconds(OUTAGE_SECONDS)
    frozen.process.send_signal(signal.SIGCONT)
    ground.wait_for_arrivals(50)


def tables_locked(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.installation.rows(
        f"DO $$ BEGIN LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({OUTAGE_SECONDS}); END $$"
    )
    ground.wait_for_arrivals(50)


def rows_locked_crosswise(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    lock = "PERFORM FROM deliveries ORDER BY random() LIMIT 40 FOR UPDATE; PERFORM pg_sleep(0.1);"
    for _ in range(20):
        with suppress(asyncpg.DeadlockDetectedError):  # this session, too, may be the one that PostgreSQL ends
            ground.installation.rows(f"DO $$ BEGIN {lock * 5} END $$")
    ground.wait_for_arrivals(50)


def connections_exhausted(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    asyncio.run(_hold_all_connections(ground.installation.database_url, OUTAGE_SECONDS))
    ground.wait_for_arrivals(50)
    strange = set(ground.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while no connection was free"


async def _hold_all_connections(url: str, seconds: float) -> None:
    held = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            held.append(await asyncpg.connect(url))
        except asyncpg.TooManyConnectionsError:
            await let_others_run()
    for connection in held:
        await connection.close()
