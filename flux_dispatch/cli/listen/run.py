"""Runs `flux listen`: makes a session, stays connected until something ends it, and leaves nothing behind."""

import asyncio
import os
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Final

from flux_webhooks import AsyncFlux

from flux_dispatch.cli.client.connection import told_refusals
from flux_dispatch.cli.client.target import Target
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen.address import socket_address
from flux_dispatch.cli.listen.exchanges import Exchanges, LocalServer
from flux_dispatch.cli.listen.forwarding import Forwarder, is_answering
from flux_dispatch.cli.listen.json_report import JsonReport
from flux_dispatch.cli.listen.line_writer import LineWriter
from flux_dispatch.cli.listen.local_resolver import is_on_this_machine
from flux_dispatch.cli.listen.no_local_server import NoLocalServer
from flux_dispatch.cli.listen.options import ListenOptions
from flux_dispatch.cli.listen.reconnecting import Reconnecting
from flux_dispatch.cli.listen.report import Report, Session
from flux_dispatch.cli.listen.sessions import Sessions, Wish
from flux_dispatch.cli.listen.stopping import Stopping
from flux_dispatch.cli.listen.text_report import TextReport, look_of_output
from flux_dispatch.cli.listen.websocket import Address, Refused, SessionEnded, connected

INSTANCE_BYTES: Final = 16

CREATE_SECONDS: Final = 2.0
"""For how long a session that is being made is waited for when the command is told to stop, so that it can be ended."""


def run_listen(options: ListenOptions, target: Target, secret: str | None) -> None:
    """Listen until a signal, or until nobody reads what is printed; deliveries are signed with `secret` if it is given.

    Raises:
        CliError: it cannot begin, or the server has ended it; the message says why and what to do.
    """
    with told_refusals(target):
        asyncio.run(_listen(options, target, secret))


async def _listen(options: ListenOptions, target: Target, secret: str | None) -> None:
    stopping = Stopping()
    await _check_local(options)
    with LineWriter() as output:
        report = JsonReport(output.write) if options.as_json else TextReport(output.write, look_of_output())
        async with AsyncFlux(target.api_key, api_url=target.api_url, account=options.account) as flux:
            sessions = Sessions(flux, target)
            session = await _made(sessions, Wish(options.events, options.local, secret), stopping)
            if session is None:
                return
            ended = None
            try:
                address = socket_address(target, session, options.account, token_hex(INSTANCE_BYTES))
                await _stay(_Parts(options, session, address, report), stopping, output)
            except Refused as refused:
                ended = await sessions.why_refused(session, refused)
            except SessionEnded as over:
                ended = over
            finally:
                trouble = None if ended else await sessions.end(session)
        _tell_end(report, session, ended, trouble)
    if output.is_stuck:
        # the interpreter would wait for the output at its end, without end
        os._exit(0)


async def _made(sessions: Sessions, wish: Wish, stopping: Stopping) -> Session | None:
    """Return a session, or None if it was to stop meanwhile; what the server has made by then is ended, too."""
    creating, stopped = asyncio.create_task(sessions.create(wish)), asyncio.create_task(stopping.wait())
    await asyncio.wait({creating, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not stopping.is_asked_for:
        return creating.result()
    await asyncio.wait({creating}, timeout=CREATE_SECONDS)
    if not creating.cancel():
        await sessions.end(creating.result())
    return None


async def _stay(parts: "_Parts", stopping: Stopping, output: LineWriter) -> None:
    """Forward until a signal comes, or nobody reads what is printed.

    Raises:
        Refused: the server lets this command connect no more.
        SessionEnded: the session is over.
    """
    async with parts.local_server() as local_server, Exchanges(local_server, parts.report) as exchanges:
        looking = asyncio.create_task(parts.is_local_server_answering())

        async def ready() -> None:
            parts.report.ready(parts.session, local_server_answers=await looking)

        reconnecting = Reconnecting(partial(connected, parts.address), exchanges, parts.report)
        running = asyncio.create_task(reconnecting.run(ready))
        others = asyncio.create_task(stopping.wait()), asyncio.create_task(output.closed.wait())
        try:
            await asyncio.wait({running, *others}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            for task in (running, looking, *others):
                task.cancel()
            await asyncio.gather(running, looking, *others, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Parts:
    options: ListenOptions
    session: Session
    address: Address
    report: Report

    def local_server(self) -> AbstractAsyncContextManager[LocalServer]:
        if self.options.local is None:
            return nullcontext(NoLocalServer())
        return Forwarder(self.options.local, self.session.url, self.options.forwarding)

    async def is_local_server_answering(self) -> bool:
        return self.options.local is None or await is_answering(self.options.local)


def _tell_end(report: Report, session: Session, ended: SessionEnded | None, trouble: str | None) -> None:
    if ended is not None:
        report.lost_session(ended.reason, ended.message)
        raise CliError(ended.message)
    message = f"Ended. {session.url} answers 410 from now on."
    if trouble:
        message = f"Ended here. The server could not be told ({trouble}): the session ends by itself in a few minutes."
    report.ended("stopped", message)


async def _check_local(options: ListenOptions) -> None:
    """Refuse to forward to another machine, unless that is allowed.

    Raises:
        CliError: the URL's host is another machine, or not known.
    """
    local = options.local
    if local is None or options.forwarding.allow_remote:
        return
    is_here = await is_on_this_machine(local)
    if is_here is None:
        raise CliError(f"{local.host} is not known: check --forward-to.")
    if not is_here:
        raise CliError(
            f"{local.host} is not this machine. Give --allow-remote if it shall get whatever is sent to the public URL."
        )
