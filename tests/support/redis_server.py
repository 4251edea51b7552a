"""A Redis of a test's own, that it can stop and start again at the same place."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from flux_dispatch.cli.embedded import redis_command
from tests.support.waiting import eventually


class RedisServer:
    """Runs for as long as its block, unless it is stopped."""

    def __init__(self, directory: Path, port: int) -> None:
        self._command = redis_command(directory, port)
        self.url = self._command.url
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command.arguments, stdout=subprocess.DEVNULL)
        eventually(self._answers, "Redis answers")

    def stop(self) -> None:
        """End it at once; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
