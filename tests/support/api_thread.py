"""A real API in a thread of its own, for tests that call it from code that waits, as commands do."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from tests.support.api import running_api

SECONDS = 30


@contextmanager
def api_in_thread(database_url: str, redis_url: str, *, port: int = 0, **settings: str) -> Iterator[str]:
    """Yield the URL of an API with these settings, by their names in lower case."""
    found, stop = Queue[str | BaseException](), threading.Event()

    async def serve() -> None:
        async with running_api(database_url, redis_url, port=port, **settings) as url:
            found.put(url)
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test, in its own thread
            found.put(error)

    thread = threading.Thread(target=run, name="api", daemon=True)
    thread.start()
    url = found.get(timeout=SECONDS)
    if isinstance(url, BaseException):
        raise url
    try:
        yield url
    finally:
        stop.set()
        thread.join(SECONDS)
