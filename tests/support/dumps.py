"""Whatever an installation stores, says or shows, as text that can be searched."""

import os
import re
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import redis

from flux_dispatch.cli.embedded.wheels import postgres_programs


def dumped(database_url: str) -> str:
    """Return what `pg_dump` writes of the whole database."""
    command = [postgres_programs() / "pg_dump", f"--dbname={database_url}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def monitored(redis_url: str) -> Iterator[list[str]]:
    """Yield what Redis is told, as it comes; pieces of base64, as in Celery's messages, also as what they hold."""
    said: list[str] = []
    with redis.Redis.from_url(redis_url) as client, client.monitor() as monitor:
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                said.append(str(monitor.next_command()["command"]))

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield said
        finally:
            is_over.set()
            with redis.Redis.from_url(redis_url) as other:
                other.ping()
            listener.join(10)
            said += [_decoded(each) for line in said for each in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", line)]


def shown_by_flower(url: str, user: tuple[str, str] | None = None) -> str:
    """Return every page that Flower has of its workers and their tasks, for programs and for people."""
    with httpx.Client(base_url=url, auth=user, timeout=20) as flower:
        workers = flower.get("/api/workers", params={"refresh": 1}).raise_for_status()
        tasks = flower.get("/api/tasks").raise_for_status()
        pages = [f"/worker/{name}" for name in workers.json()] + [f"/task/{task}" for task in tasks.json()]
        shown = [flower.get(page).raise_for_status().text for page in ["/workers", "/tasks", "/broker", *pages]]
    return "\n".join([workers.text, tasks.text, *shown])


def files_below(directory: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each file with what it holds, but sockets."""
    for folder, _, names in os.walk(directory):
        yield from ((path, path.read_bytes()) for name in names if (path := Path(folder, name)).is_file())


def _decoded(text: str) -> str:
    return b64decode(text[: len(text) // 4 * 4]).decode("latin-1")
