"""The ground that a fault is tried on: servers that can be killed, frozen and emptied, and an installation on them."""

import asyncio
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import redis

from flux_dispatch.cli.embedded import EmbeddedPostgres, free_port, redis_command
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from tests.faults.publisher import Publisher
from tests.receiver import Receiver, Request
from tests.system.installation import Installation, Part
from tests.waiting import eventually

SETTINGS = {"FLUX_RETRY_DELAYS": "0,1,2,3,4", "FLUX_DELIVERY_TIMEOUT": "2"}
OUTAGE_SECONDS = 6.0


class Broker:
    """A Redis server that a fault may do anything to."""

    def __init__(self, directory: Path) -> None:
        self._command = redis_command(directory, free_port())
        self.url = self._command.url
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(self._command.arguments, stdout=subprocess.DEVNULL)
        eventually(self._answers, "Redis answers")

    def kill(self) -> None:
        """End it as a power cut would; it keeps nothing."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """Have it keep its connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self.thaw()
        self._process.terminate()
        self._process.wait(10)

    def do(self, *command: str) -> object:
        """Send one command."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    def _answers(self) -> bool:
        try:
            return bool(self.do("PING"))
        except redis.RedisError:
            return False


class Database:
    """A PostgreSQL server that a fault may do anything to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = EmbeddedPostgres(directory)
        self.url = self._server.start()

    def fresh(self, name: str) -> str:
        """Return the URL of a new database with the newest schema."""
        url = self.url.replace("/postgres?", f"/{name}?")
        asyncio.run(_create(self.url, name, url))
        return url

    def restart_immediately(self) -> None:
        """Stop it without a checkpoint (`pg_ctl -m immediate`), then start it: it recovers from its log."""
        os.kill(self._server.pid, signal.SIGQUIT)
        eventually(lambda: not self._server.is_running(), "PostgreSQL is down")
        self._server.restart()

    def stop(self) -> None:
        """End it for good."""
        self._server.stop()


@dataclass
class Ground:
    """Everything that a fault needs."""

    broker: Broker
    database: Database
    installation: Installation
    receiver: Receiver
    publisher: Publisher

    def two_workers(self) -> tuple[Part, Part]:
        """Start two workers."""
        return self.installation.start_worker(), self.installation.start_worker()

    def wait_for_arrivals(self, count: int) -> None:
        """Wait until so many more requests have come."""
        goal = len(self.receiver.requests) + count
        eventually(lambda: len(self.receiver.requests) >= goal, f"{count} more requests arrive", 60)

    def wait_for_acknowledged(self, count: int) -> None:
        """Wait until so many more events are acknowledged."""
        goal = len(self.publisher.acknowledged) + count
        eventually(lambda: len(self.publisher.acknowledged) >= goal, f"{count} more events are acknowledged", 60)


def answer(request: Request) -> int:
    """Refuse the first attempt of every eighth event, so that retries are always among what a fault meets."""
    return 500 if request.attempt == 1 and int(request.event[-1], 16) % 8 == 0 else 200


@contextmanager
def servers(directory: Path) -> Iterator[tuple[Broker, Database]]:
    """Start PostgreSQL and Redis for any number of faults."""
    broker, database = Broker(directory / "redis"), Database(directory / "postgres")
    try:
        yield broker, database
    finally:
        broker.stop()
        database.stop()


@contextmanager
def ground(broker: Broker, database: Database, directory: Path, pause_seconds: float) -> Iterator[Ground]:
    """Prepare for one fault: an empty database, an empty broker, an API, a receiver with a webhook, a publisher."""
    broker.do("FLUSHALL")
    url = database.fresh(f"flux_{uuid.uuid4().hex[:12]}")
    directory.mkdir(parents=True)
    with Installation(url, broker.url, directory, dict(SETTINGS)) as installation, Receiver(answer) as receiver:
        installation.start_api()
        hook = installation.webhook(f"{receiver.url}/hook")
        with Publisher(lambda: installation.api_url, installation.key, [hook["secret"]], pause_seconds) as publisher:
            yield Ground(broker, database, installation, receiver, publisher)


async def _create(server_url: str, name: str, url: str) -> None:
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    engine = open_database(url)
    await migrate(engine)
    await engine.dispose()
