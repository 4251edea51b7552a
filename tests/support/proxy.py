"""A TCP proxy before PostgreSQL that can go silent, as a host does that vanishes: nobody closes, nobody answers."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from tests.support.waiting import let_others_run

Value = TypeVar("Value")


class Proxy:
    """Listens on a free port of loopback for as long as its block, and passes everything on to a Unix socket."""

    def __init__(self, database_url: str) -> None:
        """Take the place of this embedded server."""
        self._target = Path(parse_qs(urlsplit(database_url).query)["host"][0]) / ".s.PGSQL.5432"
        self._database = urlsplit(database_url).path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Task[None]] = set()
        self._silent: set[asyncio.Task[None]] = set()
        self.accepted = 0

    @property
    def url(self) -> str:
        """The URL of the same database, over this proxy."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{self._database}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def vanish(self) -> None:
        """Say nothing more on what is open now, and keep it open; what is opened from now on is served."""
        self._run(self._fall_silent())

    async def _fall_silent(self) -> None:
        self._silent |= self._open

    async def _stop(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await let_others_run(3)

    def _run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        self._open.add(task)
        there, back = await asyncio.open_unix_connection(str(self._target))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(task, reader, back))
                both.create_task(self._pass_on(task, there, writer))
        except* OSError:
            pass
        except* asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()
            back.transport.abort()

    async def _pass_on(
        self, task: "asyncio.Task[None]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while piece := await reader.read(65536):
            if task not in self._silent:
                writer.write(piece)
                await writer.drain()
        if task in self._silent:
            await asyncio.Event().wait()
        raise ConnectionError
