"""What happens to PostgreSQL, its locks and its connections."""

import asyncio
import signal
import time
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import httpx

from tests.faults.ground import Ground
from tests.proxy import Proxy
from tests.waiting import eventually, let_others_run, wait_seconds

MAX_SECONDS_OF_SILENCE = 10
"""A statement is waited for about six seconds; then the next connection is a new one, in every process."""


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


def vanished(ground: Ground) -> None:
    """The host is gone without a word, and another has taken its place: what was open stays open, and silent."""
    proxy = ground.kept.enter_context(Proxy(ground.installation.database_url))
    ground.installation.settings |= {"FLUX_DATABASE_URL": proxy.url}
    ground.installation.parts[0].stop()
    ground.installation.start_api()
    ground.two_workers()
    ground.wait_for_arrivals(200)
    proxy.vanish()
    began = time.monotonic()
    ground.wait_for_acknowledged(10)
    ground.wait_for_arrivals(10)
    seconds = time.monotonic() - began
    assert seconds < MAX_SECONDS_OF_SILENCE, f"it took {seconds:.1f} s until events were taken and delivered again"
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)
    _only_503(ground)


def read_only(ground: Ground) -> None:
    """As after a failover to what is a standby yet, or on a hosted server whose disk is full."""
    ground.two_workers()
    ground.wait_for_arrivals(30)
    database = urlsplit(ground.installation.database_url).path.removeprefix("/")
    asyncio.run(_let_read_only(ground, database))
    ground.note_end_of_fault()
    ground.wait_for_arrivals(50)
    assert ground.publisher.refused, "nothing was refused"
    _only_503(ground)


async def _let_read_only(ground: Ground, database: str) -> None:
    connection = await asyncpg.connect(ground.installation.database_url)
    end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    await connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    await connection.execute(end_others, database)
    await asyncio.to_thread(_is_not_ready, ground)
    wait_seconds(ground.outage_seconds)
    # the sessions that began meanwhile stay read-only: whoever keeps one never writes again
    await connection.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    await connection.close()


def _is_not_ready(ground: Ground) -> None:
    def says_so() -> bool:
        answer = httpx.get(f"{ground.installation.api_url}/readyz", timeout=10)
        return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "25006" in answer.text

    eventually(says_so, "the API says that it is not ready")


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
