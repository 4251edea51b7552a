"""The worker's own step: starts the engine beside Celery's pool, plans while it runs, and stops it without loss."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar, cast

import structlog
from celery import Celery, bootsteps
from celery.signals import worker_shutdown

from config.settings import Settings
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AlertId, DeliveryId
from workers.bell import CeleryBell, Ring
from workers.loop import LoopThread
from workers.process_limits import allow_many_sockets
from workers.until_stored import UntilStored
from workers.wiring import Verbs, open_verbs

AWAY_SECONDS = 1.0
"""How long the planner waits before it asks a database again that was away."""

SWITCH_SECONDS = 0.0005
"""How long the loop may keep the interpreter while another thread wants it. Python's 5 ms would be paid many times by
each message on its way to a busy loop."""

Value = TypeVar("Value")

log = structlog.get_logger("flux.worker")


class RunningEngine:
    """The engine of this worker process: the verbs, and the loop that they run on."""

    verbs: Verbs
    _planning: asyncio.Task[None]
    until_stored: UntilStored

    def __init__(self, app: Celery, settings: Settings, threads: int) -> None:
        self._settings = settings
        self._threads = threads
        self._loop = LoopThread()
        self._bell = CeleryBell(app, fallback=self._do_it_here)
        self._open = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._side_work: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Open the database pool and the HTTP session, and begin to plan."""
        allow_many_sockets()
        _collect_rarely()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._loop.start()
        self._loop.run(self._start())

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """Run a verb on the loop and wait for it."""
        return self._loop.run(coroutine)

    def do_without_broker(self, seconds: float) -> None:
        """Do here what would be rung for, for so long: the broker takes messages, and gives this worker none."""
        self._bell.rest(seconds)

    def drain(self) -> None:
        """Give back what is not sent yet, and wait for the answers to what is; the tasks that come now do nothing."""
        self._loop.run(self._drain())

    def close(self) -> None:
        """Close everything; no task may run any more, for it would wait for this loop for ever."""
        self._loop.run(self._open.aclose())
        self._bell.close()
        self._loop.stop()

    async def _start(self) -> None:
        self.verbs = await self._open.enter_async_context(open_verbs(self._settings, self._bell, self._threads))
        self.until_stored = UntilStored(self.verbs.accept, self._sleep)
        self._planning = self._loop.loop.create_task(self._repeat(self.verbs.plan.look))
        self._beside(self._repeat(self.verbs.cancel.look))

    async def _drain(self) -> None:
        self._stopping.set()
        await self._planning  # before delivering stops: it may be taking up what was parked
        await self.verbs.deliver.stop()
        await asyncio.gather(*self._side_work)

    async def _repeat(self, look: Callable[[], Awaitable[float]]) -> None:
        while not self._stopping.is_set():
            try:
                pause = await look()
            except Unavailable as error:
                log.warning("database.away", cause=error.cause, consequence="the planner waits for it")
                pause = AWAY_SECONDS
            except Exception:
                # whatever it was, everything that is ever lost is found by this loop: it must not end
                log.exception("planner.failed")
                pause = AWAY_SECONDS
            await self._sleep(pause)

    async def _sleep(self, seconds: float) -> bool:
        """Wait, but not beyond the end of this worker; say whether it goes on."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False

    def _do_it_here(self, ring: Ring) -> None:
        """Do without the broker what a ring asks for: called by the bell's thread when the broker is away."""
        self._loop.loop.call_soon_threadsafe(self._beside, self._do(ring))

    async def _do(self, ring: Ring) -> None:
        await self._sleep(ring.countdown_seconds)
        try:
            await self._run_verb(ring)
        except Unavailable:
            return  # the planner finds it

    async def _run_verb(self, ring: Ring) -> None:
        match ring.task:
            case "flux.deliver":
                deliveries = cast("tuple[DeliveryId, ...]", ring.ids)
                await self.verbs.deliver(list(zip(ring.accounts, deliveries, strict=True)), attempt=ring.attempt)
            case "flux.fail":
                await self.verbs.fail(cast("tuple[DeliveryId, ...]", ring.ids))
            case "flux.alert":
                await self.verbs.alert(cast("tuple[AlertId, ...]", ring.ids))

    def _beside(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.loop.create_task(coroutine)
        self._side_work.add(task)
        task.add_done_callback(self._side_work.discard)


class EngineStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Runs the engine for as long as the worker: begun when the pool is there, drained when the consumer has ended."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery's worker
        """Start the engine and let the tasks find it."""
        engine = RunningEngine(parent.app, parent.app.flux_settings, parent.concurrency)
        engine.start()
        parent.app.flux_engine = engine
        # after the pool's last task: this signal is sent when every step has stopped
        worker_shutdown.connect(lambda **_: engine.close(), weak=False)

    def stop(self, parent: Any) -> None:  # noqa: ANN401 - as above
        """Drain the engine; no delivery is left leased."""
        running_engine(parent.app).drain()


def running_engine(app: Celery) -> RunningEngine:
    """Return the engine of this worker process."""
    return cast(RunningEngine, app.flux_engine)


def _collect_rarely() -> None:
    """Leave what start-up made out of garbage collection, and look for cycles a tenth as often: POSTs make few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
