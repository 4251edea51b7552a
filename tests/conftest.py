"""The real parts that tests stand on: one PostgreSQL and one Redis for the run, a database of its own for each test."""

import asyncio
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import redis
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.cli.embedded import EmbeddedPostgres, free_port, redis_command
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from tests.support.order import pytest_collection_modifyitems
from tests.support.produced import pytest_configure, pytest_sessionfinish
from tests.support.waiting import eventually

__all__ = ["pytest_collection_modifyitems", "pytest_configure", "pytest_sessionfinish"]

_MEMORY: Final = "/dev/shm"  # noqa: S108 - for a directory of ours, whose name nobody guesses
_ROOM: Final = 8 << 30


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the run (one for each xdist worker)."""
    with tempfile.TemporaryDirectory(prefix="flux-pg-", dir=in_memory()) as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory) / "data")
        url = server.start()
        try:
            # nothing here must outlive the machine, so no test waits for its disk
            asyncio.run(_execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))
            yield url
        finally:
            server.stop()


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database with the newest schema, to copy from."""
    asyncio.run(_execute(postgres, "CREATE DATABASE flux_template"))
    asyncio.run(_migrate(with_database(postgres, "flux_template")))
    return "flux_template"


@pytest.fixture
def database_url(postgres: str, template: str) -> Iterator[str]:
    """The URL of an empty database with the newest schema, for one test."""
    with new_database(postgres, template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on this test's database."""
    engine = open_database(database_url)
    yield engine
    await _cancels_have_ended()
    await engine.dispose()


async def _cancels_have_ended() -> None:
    """Wait for what tells PostgreSQL that a statement was given up: its connection must not outlive the test's loop."""
    cancels = [each for each in asyncio.all_tasks() if "Connection._cancel" in repr(each.get_coro())]
    await asyncio.wait_for(asyncio.gather(*cancels, return_exceptions=True), 10)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis server that lives as long as the run."""
    with tempfile.TemporaryDirectory(prefix="flux-redis-") as directory:
        started = redis_command(Path(directory), free_port())
        process = subprocess.Popen(started.arguments, stdout=subprocess.DEVNULL)
        try:
            eventually(lambda: _answers(started.url), "Redis answers")
            yield started.url
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


def in_memory() -> str | None:
    """Return a directory that is on no disk, if one has room: there a database is copied in a tenth of the time."""
    return _MEMORY if Path(_MEMORY).is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None


@contextmanager
def new_database(postgres: str, template: str) -> Iterator[str]:
    """Yield the URL of a copy of the template, which is dropped at the end."""
    name = f"flux_{uuid.uuid4().hex[:12]}"
    asyncio.run(_execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    yield with_database(postgres, name)
    asyncio.run(_execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


def with_database(url: str, database: str) -> str:
    """Return the URL of another database on the same server."""
    return url.replace("/postgres?", f"/{database}?")


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _migrate(url: str) -> None:
    engine = open_database(url)
    await migrate(engine)
    await engine.dispose()
