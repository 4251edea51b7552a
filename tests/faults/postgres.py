"""What happens to PostgreSQL, its locks and its connections."""

import asyncio
import signal
import time
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg

from tests.faults.ground import Ground
from tests.waiting import let_others_run, wait_seconds


def restarted(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    ground.database.restart_immediately()
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)
    _only_503(ground)


def restarted_while_a_worker_is_frozen(ground: Ground) -> None:
    frozen, _ = ground.two_workers()
    ground.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    ground.database.restart_immediately()
    wait_seconds(ground.outage_seconds)
    frozen.process.send_signal(signal.SIGCONT)
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def tables_locked(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    _lock_deliveries(ground)
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def lock_timed_out(ground: Ground) -> None:
    """Every statement that waits for a lock is ended by PostgreSQL, as an operator may have set it."""
    database = urlsplit(ground.installation.database_url).path.removeprefix("/")
    ground.installation.rows(f"ALTER DATABASE {database} SET lock_timeout = '200ms'")
    # sessions read it when they begin: the API's pool must be a new one
    ground.installation.parts[0].stop()
    ground.installation.start_api()
    workers = ground.two_workers()
    ground.wait_for_arrivals(30)
    _lock_deliveries(ground)
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)
    assert ground.publisher.refused, "no lock timed out"
    _only_503(ground)
    assert all(worker.process.poll() is None for worker in workers), "a worker ended by itself"


def _lock_deliveries(ground: Ground) -> None:
    wait = "PERFORM set_config('lock_timeout', '0', true);"
    hold = f"LOCK TABLE deliveries; PERFORM pg_sleep({ground.outage_seconds});"
    ground.installation.rows(f"DO $$ BEGIN {wait} {hold} END $$")


def rows_locked_crosswise(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    lock = "PERFORM FROM deliveries ORDER BY random() LIMIT 40 FOR UPDATE; PERFORM pg_sleep(0.1);"
    for _ in range(20):
        order = f"PERFORM setseed({ground.random.uniform(-1, 1):f});"
        with suppress(asyncpg.DeadlockDetectedError):  # this session, too, may be the one that PostgreSQL ends
            ground.installation.rows(f"DO $$ BEGIN {order} {lock * 5} END $$")
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)


def connections_exhausted(ground: Ground) -> None:
    ground.two_workers()
    ground.wait_for_arrivals(30)
    asyncio.run(_hold_all_connections(ground.installation.database_url, ground.outage_seconds))
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)
    _only_503(ground)


def _only_503(ground: Ground) -> None:
    strange = set(ground.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while the database was away"


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
