"""The metrics' own port: each process serves what it has measured there, and goes on without where it cannot."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from flux_dispatch.api.metrics import is_bearer
from workers.metrics.exporter import Exporter

NEXT_PORTS: Final = 20
"""How many ports are tried, from the one that is set: so many processes may share a machine."""

log = structlog.get_logger("flux.metrics")


class Metrics:
    """What a scrape is answered with.

    Args:
        exporter: writes it.
        token: what a scraper must show; None: nothing.
        refresh: is awaited first.
    """

    def __init__(
        self, exporter: Exporter, token: str | None, refresh: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._exporter = exporter
        self.token = token
        self._refresh = refresh

    async def answer(self, request: web.Request) -> web.Response:
        """Return the metrics in the form that this request takes."""
        if self._refresh:
            await self._refresh()
        accept, encoding = request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", "")
        # in a thread, so that the loop goes on with deliveries meanwhile
        page = await asyncio.to_thread(self._exporter.page, accept, encoding)
        return web.Response(body=page.body, headers=page.headers)


@asynccontextmanager
async def served(
    metrics: Metrics, host: str, port: int | None, *, own_port: int | None = None, kept_free: Collection[int] = ()
) -> AsyncIterator[None]:
    """Serve them at this port, or at the next free one; without a port nothing is served.

    Where none of them can be had it is said in the log, and nothing else is: no metric is worth a delivery.

    Args:
        metrics: what is served.
        host: the address.
        port: the port; 0 is any.
        own_port: where this process is to serve something else.
        kept_free: other parts', which may not have taken theirs yet: passed over as next ones.
    """
    if port is None:
        yield
        return
    application = web.Application()
    application.router.add_get("/metrics", _handler(metrics))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await _listen(runner, host, [each for each in _ports(port, kept_free) if each != own_port])
        yield
    finally:
        await runner.cleanup()


def _handler(metrics: Metrics) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def show_metrics(request: web.Request) -> web.Response:
        if metrics.token is not None and not is_bearer(request, metrics.token):
            headers = {"WWW-Authenticate": "Bearer"}
            text = "Send the header Authorization: Bearer … with FLUX_METRICS_TOKEN.\n"
            return web.Response(status=HTTPStatus.UNAUTHORIZED, headers=headers, text=text)
        return await metrics.answer(request)

    return show_metrics


def _ports(port: int, kept_free: Collection[int]) -> list[int]:
    if not port:
        return [0]
    return [port, *(each for each in range(port + 1, min(port + NEXT_PORTS, 65536)) if each not in kept_free)]


async def _listen(runner: web.AppRunner, host: str, ports: Sequence[int]) -> None:
    for each in ports:
        try:
            await web.TCPSite(runner, host, each).start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            log.warning(
                "metrics.not_served",
                error=f"{host}:{each} cannot be used: {error.strerror or error}",
                mend="set FLUX_METRICS_HOST to an address of this machine, and FLUX_METRICS_PORT to a free port",
                consequence="this process goes on without metrics",
            )
            return
        host, taken = runner.addresses[0][:2]
        log.info("metrics.listening", url=f"http://{f'[{host}]' if ':' in host else host}:{taken}/metrics")
        return
    log.warning(
        "metrics.not_served",
        error=f"these ports of {host} are taken: {', '.join(map(str, ports)) or 'the only one'}",
        mend="set FLUX_METRICS_PORT to another one",
        consequence="this process goes on without metrics",
    )
