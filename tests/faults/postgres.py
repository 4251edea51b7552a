"""What happens to PostgreSQL, its locks and its connections."""

import asyncio
import signal
import time
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import httpx

from tests.faults.testbed import Testbed
from tests.support.proxy import Proxy
from tests.support.waiting import eventually, let_others_run, wait_seconds

MAX_SECONDS_OF_SILENCE = 10
"""A statement is waited for about six seconds; then the next connection is a new one, in every process."""


def restarted(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    testbed.database.restart_immediately()
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)
    _only_503(testbed)


def restarted_while_a_worker_is_frozen(testbed: Testbed) -> None:
    frozen, _ = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    testbed.database.restart_immediately()
    wait_seconds(testbed.outage_seconds)
    frozen.process.send_signal(signal.SIGCONT)
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def tables_locked(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    _lock_deliveries(testbed)
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def lock_timed_out(testbed: Testbed) -> None:
    """Every statement that waits for a lock is ended by PostgreSQL, as an operator may have set it."""
    database = urlsplit(testbed.installation.database_url).path.removeprefix("/")
    testbed.installation.rows(f"ALTER DATABASE {database} SET lock_timeout = '200ms'")
    # sessions read it when they begin: the API's pool must be a new one
    testbed.installation.processes[0].stop()
    testbed.installation.start_api()
    workers = testbed.two_workers()
    testbed.wait_for_arrivals(30)
    _lock_deliveries(testbed)
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)
    assert testbed.publisher.refused, "no lock timed out"
    _only_503(testbed)
    assert all(worker.process.poll() is None for worker in workers), "a worker ended by itself"


def _lock_deliveries(testbed: Testbed) -> None:
    wait = "PERFORM set_config('lock_timeout', '0', true);"
    hold = f"LOCK TABLE deliveries; PERFORM pg_sleep({testbed.outage_seconds});"
    testbed.installation.rows(f"DO $$ BEGIN {wait} {hold} END $$")


def rows_locked_crosswise(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    lock = "PERFORM FROM deliveries ORDER BY random() LIMIT 40 FOR UPDATE; PERFORM pg_sleep(0.1);"
    for _ in range(20):
        order = f"PERFORM setseed({testbed.random.uniform(-1, 1):f});"
        with suppress(asyncpg.DeadlockDetectedError):  # this session, too, may be the one that PostgreSQL ends
            testbed.installation.rows(f"DO $$ BEGIN {order} {lock * 5} END $$")
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)


def connections_exhausted(testbed: Testbed) -> None:
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    asyncio.run(_hold_all_connections(testbed.installation.database_url, testbed.outage_seconds))
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)
    _only_503(testbed)


def vanished(testbed: Testbed) -> None:
    """The host is gone without a word, and another has taken its place: what was open stays open, and silent."""
    proxy = testbed.kept.enter_context(Proxy(testbed.installation.database_url))
    testbed.installation.settings |= {"FLUX_DATABASE_URL": proxy.url}
    testbed.installation.processes[0].stop()
    testbed.installation.start_api()
    testbed.two_workers()
    testbed.wait_for_arrivals(200)
    proxy.vanish()
    began = time.monotonic()
    testbed.wait_for_acknowledged(10)
    testbed.wait_for_arrivals(10)
    seconds = time.monotonic() - began
    assert seconds < MAX_SECONDS_OF_SILENCE, f"it took {seconds:.1f} s until events were taken and delivered again"
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)
    _only_503(testbed)


def read_only(testbed: Testbed) -> None:
    """As after a failover to what is a standby yet, or on a hosted server whose disk is full."""
    testbed.two_workers()
    testbed.wait_for_arrivals(30)
    database = urlsplit(testbed.installation.database_url).path.removeprefix("/")
    asyncio.run(_let_read_only(testbed, database))
    testbed.note_end_of_fault()
    testbed.wait_for_arrivals(50)
    assert testbed.publisher.refused, "nothing was refused"
    _only_503(testbed)


async def _let_read_only(testbed: Testbed, database: str) -> None:
    connection = await asyncpg.connect(testbed.installation.database_url)
    end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    await connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    await connection.execute(end_others, database)
    await asyncio.to_thread(_is_not_ready, testbed)
    wait_seconds(testbed.outage_seconds)
    # the sessions that began meanwhile stay read-only: whoever keeps one never writes again
    await connection.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    await connection.close()


def _is_not_ready(testbed: Testbed) -> None:
    def says_so() -> bool:
        answer = httpx.get(f"{testbed.installation.api_url}/readyz", timeout=10)
        return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "25006" in answer.text

    eventually(says_so, "the API says that it is not ready")


def _only_503(testbed: Testbed) -> None:
    strange = set(testbed.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while the database was unavailable"


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
