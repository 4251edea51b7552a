"""An installation of Flux Dispatch as its operator runs it: processes of the `flux` command on real servers."""

import asyncio
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import asyncpg
import httpx

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import open_database
from tests.support.waiting import eventually

ENCRYPTION_KEY = b64encode(b"a key of tests, thirty-two bytes").decode()
BASE_ENV = {
    "FLUX_REQUIRE_HTTPS": "false",
    "FLUX_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
    "FLUX_LOG_FORMAT": "json",
    "FLUX_ENCRYPTION_KEYS": ENCRYPTION_KEY,
}


@dataclass
class Process:
    """One process of the installation."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def logged(self, words: str) -> bool:
        """Say whether the process has logged these words."""
        return words in self.log.read_text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 40) -> int:
        """Ask it to end, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@dataclass
class Installation:
    """A database, a broker, and the processes that a test starts; the block's end stops them all."""

    database_url: str
    redis_url: str
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    api_url: str = ""

    def __enter__(self) -> Self:
        self.key = asyncio.run(new_key(self.database_url))
        self._client = httpx.Client(headers={"authorization": f"Bearer {self.key}"}, timeout=20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        for part in self.processes:
            if part.process.poll() is None:
                part.process.send_signal(signal.SIGCONT)
                part.process.terminate()
        for part in self.processes:
            try:
                part.process.wait(40)
            except subprocess.TimeoutExpired:
                part.kill()

    def start(self, name: str, *arguments: str, **settings: str) -> Process:
        """Start one process of the `flux` command."""
        log = self.directory / f"{name}-{len(self.processes)}.log"
        command = [sys.executable, "-m", "flux_dispatch.cli.main", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=self._environment(settings), stdout=output, stderr=subprocess.STDOUT
            )
        part = Process(name, process, log)
        self.processes.append(part)
        return part

    def start_api(self, **settings: str) -> Process:
        """Start the API and wait until it is ready."""
        port = free_port()
        part = self.start("api", "api", FLUX_API_PORT=str(port), **settings)
        self.api_url = f"http://127.0.0.1:{port}"
        eventually(lambda: self._is_ready(part), "the API is ready")
        return part

    def start_worker(self, **settings: str) -> Process:
        """Start a worker and wait until it consumes."""
        part = self.start("worker", "worker", **settings)
        eventually(lambda: part.logged("ready."), "the worker is ready")
        return part

    def call(self, method: str, path: str, json: Any = None, **headers: str) -> Any:
        """Call the API and return the answer's JSON; fail on an error status."""
        response = self._client.request(method, self.api_url + path, json=json, headers=headers)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def webhook(self, url: str, *events: str) -> dict[str, Any]:
        """Create a webhook."""
        return cast(dict[str, Any], self.call("POST", "/v1/webhooks", {"url": url, "events": list(events or ["*"])}))

    def publish(self, event_type: str = "order.completed", **data: Any) -> str:
        """Publish an event and return its id."""
        return str(self.call("POST", "/v1/events", {"type": event_type, "data": data})["id"])

    def event(self, event_id: str) -> dict[str, Any]:
        """Return an event."""
        return cast(dict[str, Any], self.call("GET", f"/v1/events/{event_id}"))

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Ask the database itself."""
        return asyncio.run(_fetch(self.database_url, sql, values))

    def is_drained(self) -> bool:
        """Say whether nothing is owed any more."""
        return not self.rows("SELECT FROM deliveries WHERE sweep_at IS NOT NULL LIMIT 1")

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        rest = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
        servers = {"FLUX_DATABASE_URL": self.database_url, "FLUX_REDIS_URL": self.redis_url}
        return rest | BASE_ENV | servers | {"FLUX_HOME": str(self.directory)} | self.settings | settings

    def _is_ready(self, part: Process) -> bool:
        assert part.process.poll() is None, part.log.read_text()
        try:
            return self._client.get(f"{self.api_url}/readyz").is_success
        except httpx.TransportError:
            return False


async def new_key(database_url: str) -> str:
    """Return the key of a new account."""
    database = open_database(database_url)
    account = await AccountStore(database).create("test")
    _, key = await ApiKeyStore(database).create(account, ["admin"])
    await database.dispose()
    return key


async def _fetch(database_url: str, sql: str, values: Sequence[Any]) -> list[Any]:
    connection = await asyncpg.connect(database_url)
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()
