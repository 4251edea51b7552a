"""The worker's own step: starts the engine beside Celery's pool, sweeps while it runs, and stops it without loss."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, TypeVar, cast

import structlog
from celery import Celery, bootsteps
from celery.signals import worker_shutdown

from config.settings import Settings
from config.task_table import TASKS
from flux_dispatch.domain.errors import Unavailable
from workers.celery_queue import CeleryQueue, QueueMessage
from workers.loop import LoopThread
from workers.process_limits import raise_open_files_limit, tune_gc
from workers.steps import Steps
from workers.tracing.open import open_traces
from workers.tracing.traces import Traces
from workers.until_stored import UntilStored
from workers.wiring.worker import Verbs, open_verbs
from workers.wiring.worker_metrics import worker_metrics

UNAVAILABLE_SECONDS = 1.0
"""How long the sweeper waits before it asks a database again that was unavailable."""

SWITCH_SECONDS = 0.0005
"""How long the loop may keep the interpreter while another thread wants it. Python's 5 ms would be paid many times by
each message on its way to a busy loop."""

SIDE_WORK: Final = (
    "relay",
    "roll_up",
    "cancel",
    "recover",
    "erase",
    "expire",
    "prune",
    "notify",
    "check_health",
    "watch",
)
"""The verbs that are done again and again beside the sweep, in the order in which they begin."""

SIDE_WORK_SECONDS = 0.1
"""How long after its start a worker begins each of what it does again and again beside the sweep."""

LOOK_SECONDS = 1.0
"""How often a worker looks which of that has something to do, and calls it: one statement for all of it."""

Value = TypeVar("Value")

log = structlog.get_logger("flux.worker")


class RunningEngine:
    """The engine of this worker process: the verbs, and the loop that they run on."""

    verbs: Verbs
    traces: Traces
    _sweeping: asyncio.Task[None]
    until_stored: UntilStored

    def __init__(self, app: Celery, settings: Settings, threads: int) -> None:
        self._settings = settings
        self._threads = threads
        self._loop = LoopThread()
        self._queue = CeleryQueue(app, fallback=self._run_locally)
        self._open = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._side_work: set[asyncio.Task[Any]] = set()
        self._steps = Steps()
        self._calls = {step: asyncio.Event() for step in ("sweep", "look", *SIDE_WORK)}

    def start(self) -> None:
        """Open the database pool and the HTTP session, and begin to sweep."""
        raise_open_files_limit()
        tune_gc()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._loop.start()
        self._loop.run(self._start())

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """Run a verb on the loop and wait for it."""
        return self._loop.run(coroutine)

    def do_without_broker(self, seconds: float) -> None:
        """Do here what would be enqueued for, for so long: the broker takes messages, and gives this worker none."""
        self._queue.rest(seconds)

    def drain(self) -> None:
        """Give back what is not sent yet, and wait for the answers to what is; the tasks that come now do nothing."""
        self._loop.run(self._drain())

    def close(self) -> None:
        """Close everything; no task may run any more, for it would wait for this loop for ever."""
        self._loop.run(self._open.aclose())
        self._queue.close()
        self._loop.stop()

    async def _start(self) -> None:
        self.traces = await self._open.enter_async_context(open_traces(self._settings, "flux-worker"))
        verbs = open_verbs(self._settings, self._queue, self._threads, self.traces)
        self.verbs = await self._open.enter_async_context(verbs)
        metrics = worker_metrics(self._settings, self.verbs, self._queue, self._steps)
        await self._open.enter_async_context(metrics)
        self.until_stored = UntilStored(self.verbs.publish, self._sleep)
        self._sweeping = self._loop.loop.create_task(self._repeat("sweep", self.verbs.sweep.run_once))
        self._spawn(self._begin_side_work())

    async def _begin_side_work(self) -> None:
        """Begin what is done again and again beside the sweep, one after the other.

        Each has the connection of the one before, and none is in the way of the first deliveries.
        """
        for step in SIDE_WORK:
            self._spawn(self._repeat(step, getattr(self.verbs, step).run_once))
            await self._sleep(SIDE_WORK_SECONDS)
        self._spawn(self._repeat("look", self._look))

    async def _look(self) -> float:
        """Call what has something to do; where that cannot be known, all of it looks for itself."""
        waiting: Collection[str] = SIDE_WORK
        try:
            waiting = await self.verbs.side_work.waiting()
        finally:
            self._call(waiting)
        return LOOK_SECONDS

    def _call(self, steps: Collection[str]) -> None:
        for step in steps:
            self._calls[step].set()

    async def _drain(self) -> None:
        self._stopping.set()
        self._call(self._calls)
        await self._sweeping  # before delivering stops: it may be taking up what was parked
        await self.verbs.deliver.stop()
        await asyncio.gather(*self._side_work)
        await self.verbs.notify.stop()

    async def _repeat(self, step: str, run_once: Callable[[], Awaitable[float]]) -> None:
        self._steps.done(step)
        while not self._stopping.is_set():
            try:
                pause = await run_once()
                if self._steps.done(step):
                    log.info("sweeper.well_again", step=step)
            except Unavailable as error:
                pause = UNAVAILABLE_SECONDS
                if self._steps.fail(step, error.cause):
                    consequence = "the sweeper waits for it"
                    log.warning("sweeper.database_unavailable", step=step, cause=error.cause, consequence=consequence)
            except Exception as error:
                # whatever it was, everything that is ever lost is found by this loop: it must not end
                pause = UNAVAILABLE_SECONDS
                if self._steps.fail(step, repr(error)):
                    log.exception("sweeper.failed", step=step)
            called = self._calls[step]
            with suppress(TimeoutError):
                await asyncio.wait_for(called.wait(), pause)
            called.clear()

    async def _sleep(self, seconds: float) -> bool:
        """Wait, but not beyond the end of this worker; say whether it goes on."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return True
        return False

    def _run_locally(self, message: QueueMessage) -> None:
        """Do without the broker what a message asks for: called by the queue's thread while there is none."""
        self._loop.loop.call_soon_threadsafe(self._spawn, self._do(message))

    async def _do(self, message: QueueMessage) -> None:
        await self._sleep(message.countdown_seconds)
        try:
            await self._run_verb(message)
        except Unavailable:
            return  # the sweeper finds it
        except Exception:
            # it finds this, too, and nobody else would hear of it
            log.exception("message.failed", task=message.task)

    async def _run_verb(self, message: QueueMessage) -> None:
        verb = getattr(self.verbs, TASKS[message.task].verb)
        if message.attempt:
            await verb(list(zip(message.accounts, message.ids, strict=True)), attempt=message.attempt)
        else:
            await verb(message.ids)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
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
