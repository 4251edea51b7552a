"""What a measurement runs in: a fresh database, an empty broker, and the processes of Flux Dispatch that it starts."""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import redis
from celery import Celery

from benchmarks.servers import Servers, cpu_seconds, process, wait_for_port
from config.celeryconfig import celery_settings
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from workers.celery_queue import CeleryQueue

PATIENCE_SECONDS: Final = 600
FLUX: Final = (sys.executable, "-m", "flux_dispatch.cli.main")
NOTHING_IS_OWED: Final = "SELECT NOT EXISTS (SELECT FROM deliveries WHERE sweep_at IS NOT NULL)"
ARE_DELIVERED: Final = """
    SELECT count(*) = cardinality($1::uuid[]) FROM deliveries WHERE id = ANY($1::uuid[]) AND state = 'delivered'
"""

Value = TypeVar("Value")


@dataclass
class BenchEnvironment:
    """An installation without data; `workers` holds the process ids of those that were started."""

    servers: Servers
    parts: ExitStack
    workers: list[int] = field(default_factory=list)
    api: int = 0
    api_url: str = ""

    def start_api(self, **settings: str) -> None:
        """Start the API and wait until it answers."""
        port = free_port()
        environment = self.servers.environment(FLUX_API_PORT=str(port), FLUX_LOG_LEVEL="warning", **settings)
        self.api = self.parts.enter_context(process([*FLUX, "api"], environment)).pid
        wait_for_port(port)
        self.api_url = f"http://127.0.0.1:{port}"

    def start_workers(self, count: int = 1, **settings: str) -> None:
        """Start workers and wait until they consume."""
        environment = self.servers.environment(FLUX_LOG_LEVEL="info", **settings)
        logs = [self._log() for _ in range(count)]
        for log in logs:
            with log.open("wb") as output:
                started = self.parts.enter_context(process([*FLUX, "worker"], environment, output.fileno()))
            self.workers.append(started.pid)
        for log in logs:
            self.wait(partial(_says_ready, log), "a worker is ready")

    def kill_workers(self) -> None:
        """End the workers at once, whatever they wait for."""
        for each in self.workers:
            os.kill(each, signal.SIGKILL)

    def key_of(self, account: AccountId) -> str:
        """Return a new API key of an account."""
        return asyncio.run(self._new_key(account))

    def enqueue(self, deliveries: Sequence[DeliveryId], account: AccountId) -> None:
        """Have workers told of these deliveries of one account, as the API would have done it."""
        app = Celery("bench")
        app.config_from_object(celery_settings(self.servers.redis_url))
        queue = CeleryQueue(app)
        queue.enqueue_deliveries([(account, each) for each in deliveries], attempt=1, countdown_seconds=0)
        queue.close()

    def ask(self, sql: str, *values: Any) -> Any:  # noqa: ANN401 - whatever the statement yields
        """Return the first value of a statement."""
        return asyncio.run(_first_value(self.servers.database_url, sql, values))

    def wait_until_drained(self) -> None:
        """Return when nothing is owed any more."""
        asyncio.run(_until(self.servers.database_url, NOTHING_IS_OWED))

    def wait_until_delivered(self, deliveries: Sequence[str]) -> None:
        """Return when all of these are settled as delivered."""
        asyncio.run(_until(self.servers.database_url, ARE_DELIVERED, uuids(deliveries)))

    def wait(self, probe: Callable[[], bool], what: str) -> None:
        """Return when the probe says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not probe():
            if time.monotonic() > deadline:
                sys.exit(f"within {PATIENCE_SECONDS} s: {what}")
            time.sleep(0.05)

    def cpu(self) -> Counter[str]:
        """Return the CPU seconds that each part has used so far."""
        seconds = {
            "postgres": cpu_seconds(self.servers.postmaster),
            "redis": cpu_seconds(self.servers.redis),
            "workers": sum(cpu_seconds(each) for each in self.workers),
        }
        return Counter(seconds | ({"api": cpu_seconds(self.api)} if self.api else {}))

    def cost_since(self, before: Counter[str], count: int) -> dict[str, int]:
        """Return the microseconds of CPU that each part has used for each of so many deliveries."""
        return {part: round((seconds - before[part]) / count * 1e6) for part, seconds in self.cpu().items()}

    def memory_mb(self) -> float:
        """Return the resident memory of the largest worker."""
        return max(_resident_mb(each) for each in self.workers)

    def with_store(self, work: Callable[[Any], Coroutine[Any, Any, Value]]) -> Value:
        """Run something on an engine of the environment's database."""
        return asyncio.run(_with_engine(self.servers.database_url, work))

    async def _new_key(self, account: AccountId) -> str:
        database = open_database(self.servers.database_url)
        _, key = await ApiKeyStore(database).create(account, ["admin"])
        await database.dispose()
        return key

    def _log(self) -> Path:
        path = Path(f"/tmp/flux-bench-{os.getpid()}-{uuid.uuid4().hex}.log")  # noqa: S108 - gone with the block
        self.parts.callback(path.unlink)
        return path


@contextmanager
def bench_environment(servers: Servers) -> Iterator[BenchEnvironment]:
    """Prepare a fresh database and an empty broker; the block's end stops what was started."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    url = servers.database_url.replace("/postgres?", f"/{name}?")
    asyncio.run(_create(servers.database_url, name, url))
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    with ExitStack() as parts:
        yield BenchEnvironment(replace(servers, database_url=url), parts)
    asyncio.run(_first_value(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)", ()))


def uuids(ids: Sequence[str]) -> list[str]:
    """Return public ids as the database knows them."""
    return [each.partition("_")[2] for each in ids]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent of the values lie (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * percent / 100), len(ranked) - 1)]


def _says_ready(log: Path) -> bool:
    return b"ready." in log.read_bytes()


async def _create(server_url: str, name: str, url: str) -> None:
    await _first_value(server_url, f"CREATE DATABASE {name}", ())
    await _with_engine(url, migrate)


async def _with_engine(url: str, work: Callable[[Any], Coroutine[Any, Any, Value]]) -> Value:
    engine = open_database(url)
    try:
        return await work(engine)
    finally:
        await engine.dispose()


async def _first_value(url: str, sql: str, values: Sequence[Any]) -> Any:  # noqa: ANN401 - as the statement has it
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


async def _until(url: str, sql: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await connection.fetchval(sql, *values):
        if time.monotonic() > deadline:
            sys.exit(f"within {PATIENCE_SECONDS} s: {sql}")
        await asyncio.sleep(0.05)
    await connection.close()


def _resident_mb(process_id: int) -> float:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
