"""The commands that run one process each, as production does."""

import asyncio
import os
import signal
import sys
import warnings

import structlog
import uvloop

from config.celeryconfig import QUEUES
from config.logs import set_up_logs
from config.settings import Settings
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.port import resolve_port
from flux_dispatch.cli.signals import keep_ignored, signals_to_heed
from flux_dispatch.store.connect import check_database, open_database
from flux_dispatch.store.schema_version import Schema, check_current
from workers.tracing.environment import check_tracing

log = structlog.get_logger("flux")


def run_api(settings: Settings) -> None:
    """Serve the API until SIGTERM or SIGINT; requests in flight are finished."""
    set_up_logs(settings.log_format, settings.log_level)
    settings.need_redis_url()
    settings.need_encryption_keys()
    check_tracing(settings)
    uvloop.run(_serve_api(settings))


def run_worker(settings: Settings, concurrency: int, queues: str | None) -> None:
    """Run a Celery worker with the engine beside it, until SIGTERM; what it holds is given back or finished."""
    from celery.exceptions import SecurityWarning
    from celery.utils.nodenames import host_format

    from workers.process_limits import share_one_heap

    share_one_heap()
    settings.need_redis_url()
    wanted = queues.split(",") if queues else list(QUEUES)
    unknown = [name for name in wanted if name not in QUEUES]
    if unknown:
        raise CliError(f"{unknown[0]} is not a queue. There are: {', '.join(QUEUES)}.")
    settings.need_encryption_keys()
    check_tracing(settings)
    uvloop.run(_check_database(settings))
    # Celery warns root of pickled messages; this app takes JSON only
    warnings.simplefilter("ignore", SecurityWarning)
    from workers.app import app

    keep_ignored(signal.SIGHUP, signal.SIGINT)
    # not by Celery's own command: that loads Flower and a prompt into each worker
    worker = app.Worker(
        hostname=host_format(f"flux-{os.getpid()}@%h"),
        pool_cls="threads",
        concurrency=concurrency,
        queues=wanted,
        loglevel=settings.log_level.upper(),
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    raise SystemExit(worker.exitcode)


def run_migrate(settings: Settings) -> None:
    """Apply the migrations that are missing."""
    found = asyncio.run(_migrate(settings.need_database_url()))
    if found is Schema.NEWER:
        sys.stdout.write("The schema is that of a later release, which works with this one: nothing is to be done.\n")
    else:
        sys.stdout.write("The schema is up to date.\n")


async def _serve_api(settings: Settings) -> None:
    from aiohttp import web

    from flux_dispatch.api.server import ApiRunner
    from workers.process_limits import raise_open_files_limit
    from workers.wiring.api import api_application

    raise_open_files_limit()
    await _check_database(settings)
    resolve_port(settings.api_host, settings.api_port, "FLUX_API_PORT")
    async with api_application(settings) as application:
        runner = ApiRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, settings.api_host, settings.api_port, backlog=1024)
        await site.start()
        host, port = runner.addresses[0][:2]
        log.info("api.listening", url=f"http://{host}:{port}")
        await _told_to_stop()
        await runner.cleanup()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in signals_to_heed(signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    await stop.wait()


async def _check_database(settings: Settings) -> None:
    url = settings.need_database_url()
    await check_database(url)
    database = open_database(url)
    await check_current(database)
    await database.dispose()


async def _migrate(url: str) -> Schema:
    from flux_dispatch.store.migrate import migrate

    await check_database(url)
    database = open_database(url)
    try:
        return await migrate(database)
    finally:
        await database.dispose()
