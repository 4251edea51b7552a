"""The command itself: brings the processes up in order, shows that they work, and takes them down in order."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings, load_settings
from flux_dispatch.cli.caller import caller
from flux_dispatch.cli.environment import LIBPQ, names_with, part_environment
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.port import port_or_next, resolve_port
from flux_dispatch.cli.signals import signals_to_heed
from flux_dispatch.cli.up import first_steps
from flux_dispatch.cli.up.console import Console
from flux_dispatch.cli.up.demo import LoopbackRefused, ReceivedRequest, deliver_first_event
from flux_dispatch.cli.up.home import Home
from flux_dispatch.cli.up.local_http import local_client
from flux_dispatch.cli.up.metrics_ports import MetricsPorts
from flux_dispatch.cli.up.process import Process
from flux_dispatch.cli.up.servers import Broker, Database
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.portal_link import MAX_SECONDS, SIGN_IN_PATH
from flux_dispatch.engine.reseal import Reseal
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.acting import acting_as
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from flux_dispatch.store.portal_links import PortalLinkStore
from flux_dispatch.store.reseal import ResealStore
from flux_dispatch.store.sealed_webhooks import WebhookSeals

START_SECONDS: Final = 60
STOP_SECONDS: Final = 10
"""How long a process may take to end; a worker has the time of its longest POST besides."""

CTRL_C_DEBOUNCE_SECONDS: Final = 0.5
"""A second Ctrl-C sooner than this is still the first: a child between fork and exec writes it to our loop again."""

_KEYS_SETTING: Final = "FLUX_ENCRYPTION_KEYS"

LOOPBACK: Final = "127.0.0.0/8,::1/128"


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the command line asks for; None for what it leaves to the settings."""

    port: int | None
    flower_port: int | None
    workers: int | None
    demo: bool


def run_up(settings: Settings, options: UpOptions) -> None:
    """Run everything until Ctrl-C or SIGTERM."""
    # what is kept and what the processes write is its owner's alone
    os.umask(0o077)
    home = Home(settings.home)
    with home.locked():
        asyncio.run(_Up(settings, options, home).run())
        # all is stopped: one more Ctrl-C from an impatient hand must not end that with a traceback
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Up:
    def __init__(self, settings: Settings, options: UpOptions, home: Home) -> None:
        self._wishes = options
        self._home = home
        self._screen = Console()
        self._database = Database(settings, home, self._screen)
        self._broker = Broker(settings, home, self._screen)
        self._api_port = self._port(settings, "api", options.port, "--port or FLUX_API_PORT")
        self._flower_port = self._port(settings, "flower", options.flower_port, "--flower-port or FLUX_FLOWER_PORT")
        if self._api_port == self._flower_port:
            raise CliError(f"The API and Flower cannot both have port {self._api_port}. Give one of them another.")
        workers = options.workers or os.cpu_count() or 1
        self._workers = [f"worker{number}" for number in range(1, workers + 1)]
        self._metrics = MetricsPorts(settings, ["api", *self._workers])
        self._drain_seconds = settings.delivery_timeout + STOP_SECONDS
        self._hosts = settings.api_host, settings.flower_host
        self._flower_path = f"/{settings.flower_url_prefix}" if settings.flower_url_prefix else ""
        self._encryption_keys = home.encryption_keys(os.environ.get(_KEYS_SETTING, ""))
        self._stop = asyncio.Event()
        self._told_at = 0.0
        self._parts: dict[str, Process] = {}

    def _port(self, settings: Settings, process: str, wish: int | None, how: str) -> int:
        """Return the port that is asked for, or the usual one, which gives way where it is taken."""
        host, port = getattr(settings, f"{process}_host"), getattr(settings, f"{process}_port")
        if wish is None and f"{process}_port" not in settings.model_fields_set:
            return port_or_next(host, port, how, self._screen.say)
        return resolve_port(host, port if wish is None else wish, how)

    async def run(self) -> None:
        for each in signals_to_heed(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(each, self._told_to_stop)
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(self._start(stack))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
            self._screen.say("\nStopping: the API, then the workers, when what they sent has been answered.")
            self._screen.say("Ctrl-C again does not wait for that.")
            starting.cancel()
            await asyncio.wait({starting})
        self._screen.say("Stopped.")

    def _told_to_stop(self) -> None:
        now = time.monotonic()
        if not self._stop.is_set():
            self._told_at = now
            self._stop.set()
        elif now - self._told_at > CTRL_C_DEBOUNCE_SECONDS:
            for process in self._parts.values():
                process.kill()

    async def _start(self, stack: AsyncExitStack) -> None:
        began = time.monotonic()
        if self._database.is_ours:
            for name in names_with(os.environ, LIBPQ):
                del os.environ[name]
        # left in the opposite order: the servers last
        stack.push_async_callback(self._database.stop)
        stack.push_async_callback(self._broker.stop)
        database_url, redis_url = await asyncio.gather(self._database.start(), self._broker.start())
        self._screen.say(f"PostgreSQL and Redis answer ({time.monotonic() - began:.1f} s)")
        with acting_as(caller):
            key, sign_in_path = await self._prepare(database_url)
        environment = self._environment(database_url, redis_url)
        await self._start_parts(stack, environment)
        await self._until(self._is_api_ready, "api")
        arrival = await self._demo(environment, key) if self._wishes.demo else None
        await asyncio.gather(*(self._until(self._has_worker(name), name) for name in self._parts if "worker" in name))
        await self._until(self._is_flower_up, "flower")
        dashboard_url = f"{self._api_url}{sign_in_path}"
        self._publish(database_url, redis_url, key, dashboard_url)
        self._show(arrival, key, dashboard_url, time.monotonic() - began)

    async def _prepare(self, database_url: str) -> tuple[str, str]:
        """Migrate, and return an API key that works, and the path of a link that signs in to the dashboard once."""
        database = open_database(database_url)
        try:
            await migrate(database)
            if self._database.is_ours:
                # nobody else is on it: what lies in plain text is of a release before that has ended
                keyring = Keyring(load_settings({_KEYS_SETTING: self._encryption_keys}).need_encryption_keys())
                await Reseal(ResealStore(database, WebhookSeals(keyring)))(lambda *_: None)
            link = await PortalLinkStore(database).create(None, timedelta(seconds=MAX_SECONDS))
            return await self._key(database), f"{SIGN_IN_PATH}/{link.token}"
        finally:
            await database.dispose()

    async def _key(self, database: AsyncEngine) -> str:
        """Return an API key that works: the one kept here, or a new one."""
        keys, accounts = ApiKeyStore(database), AccountStore(database)
        kept = self._home.key()
        if kept and await keys.find(kept):
            return kept
        account = await accounts.first() or await accounts.create("default")
        _, key = await keys.create(account, [Scope.ADMIN])
        self._home.keep_key(key)
        return key

    def _environment(self, database_url: str, redis_url: str) -> dict[str, str]:
        """Return the processes' environment: what is given, even empty, is kept; loopback is allowed if nothing is."""
        given = part_environment(os.environ, brings_database=self._database.is_ours)
        given.setdefault("FLUX_ALLOW_NETWORKS", LOOPBACK)
        given.setdefault("FLUX_REQUIRE_HTTPS", "false")
        return given | {
            "FLUX_DATABASE_URL": database_url,
            "FLUX_REDIS_URL": redis_url,
            _KEYS_SETTING: self._encryption_keys,
            "FLUX_API_PORT": str(self._api_port),
            "FLUX_FLOWER_PORT": str(self._flower_port),
            "FLUX_FLOWER_URL": given.get("FLUX_FLOWER_URL", self._flower_url),
        }

    async def _start_parts(self, stack: AsyncExitStack, environment: Mapping[str, str]) -> None:
        # in the order of their stopping, from the last to the first
        plan = [("flower", ["flower", "--without-auth"], float(STOP_SECONDS))]
        plan += [(name, ["worker"], self._drain_seconds) for name in self._workers]
        plan += [("api", ["api"], float(STOP_SECONDS))]
        for name, arguments, stop_seconds in plan:
            # -P: what lies in the directory that one happens to stand in is none of ours
            command = [sys.executable, "-P", "-m", "flux_dispatch.cli.main", *arguments]
            hidden = {_KEYS_SETTING} if name == "flower" else set()
            given = {name: value for name, value in environment.items() if name not in hidden}
            given |= self._metrics.environment(name)
            process = Process(name, command, given, self._screen, stop_seconds)
            self._parts[name] = process
        stack.push_async_callback(self._parts["flower"].stop)
        stack.push_async_callback(self._stop_workers)
        stack.push_async_callback(self._parts["api"].stop)
        for name in sorted(self._parts, key=["api", "flower"].__contains__, reverse=True):
            await self._parts[name].start()

    async def _stop_workers(self) -> None:
        await asyncio.gather(*(process.stop() for name, process in self._parts.items() if name.startswith("worker")))

    async def _demo(self, environment: Mapping[str, str], key: str) -> ReceivedRequest | None:
        try:
            return await deliver_first_event(self._api_url, key)
        except LoopbackRefused:
            self._screen.say(
                f"No first event is delivered: FLUX_ALLOW_NETWORKS={environment['FLUX_ALLOW_NETWORKS']} "
                "does not allow 127.0.0.1, where its receiver is."
            )
            return None
        except httpx.HTTPError as error:
            raise CliError(f"The first event cannot be published: {error}. The lines above say why.") from error

    async def _until(self, probe: Callable[[], Any], name: str) -> None:
        """Return when a process works.

        Raises:
            CliError: it ended, or does not within `START_SECONDS`.
        """
        deadline = time.monotonic() + START_SECONDS
        while not await probe():
            if self._parts[name].has_ended():
                raise CliError(f"{name} does not start: {self._parts[name].last_line()}")
            if time.monotonic() > deadline:
                raise CliError(f"{name} is not ready after {START_SECONDS} s; its lines above say why.")
            await asyncio.sleep(0.05)

    async def _is_api_ready(self) -> bool:
        return await _answers(f"{self._api_url}/readyz")

    async def _is_flower_up(self) -> bool:
        return await _answers(f"{self._flower_url}/healthcheck")

    def _has_worker(self, name: str) -> Callable[[], Any]:
        async def is_ready() -> bool:
            return self._parts[name].has_reported_ready

        return is_ready

    @property
    def _api_url(self) -> str:
        return f"http://{_reachable(self._hosts[0])}:{self._api_port}"

    @property
    def _flower_url(self) -> str:
        return f"http://{_reachable(self._hosts[1])}:{self._flower_port}{self._flower_path}"

    @property
    def _metrics_urls(self) -> dict[str, str]:
        return self._metrics.urls(_reachable(self._metrics.host))

    def _publish(self, database_url: str, redis_url: str, key: str, dashboard_url: str) -> None:
        def write() -> None:
            pids = {name: process.pid for name, process in sorted(self._parts.items())}
            servers = {"postgres": self._database.pid, "redis": self._broker.process and self._broker.process.pid}
            self._home.publish(
                {
                    "api_url": self._api_url,
                    "api_key": key,
                    "dashboard_url": dashboard_url,
                    "flower_url": self._flower_url,
                    "metrics_urls": self._metrics_urls,
                    "database_url": database_url,
                    "redis_url": redis_url,
                    "pids": pids | {name: pid for name, pid in servers.items() if pid},
                }
            )

        write()
        for process in [*self._parts.values(), self._database, self._broker.process]:
            if process:
                process.on_restart = write

    def _show(self, arrival: ReceivedRequest | None, key: str, dashboard_url: str, seconds: float) -> None:
        say, strong = self._screen.say, self._screen.strong
        if arrival:
            _show_arrival(self._screen, arrival)
        say()
        say(strong(f"Flux Dispatch is up ({seconds:.1f} s). Ctrl-C stops it all."))
        say(f"  API      {self._api_url}")
        say(f"  API key  {key}")
        say(f"  Flower   {self._flower_url}")
        if "api" in self._metrics_urls:
            say(f"  Metrics  {self._metrics_urls['api']}")
        say(f"  Home     {self._home.directory}")
        if "FLUX_ALLOW_NETWORKS" not in os.environ:
            say("  Webhooks may point at this machine, over http too; production allows neither")
            say(f"  (FLUX_ALLOW_NETWORKS={LOOPBACK}, FLUX_REQUIRE_HTTPS=false).")
        say()
        say("In another terminal: send every order event to a server of yours, publish one, and watch.")
        say()
        for line in first_steps.commands(self._home.directory):
            say(f"  {line}")
        say()
        say("No server yet? This shows what comes, in a terminal of its own:")
        say()
        say(f"  {first_steps.listening(self._home.directory)}")
        say()
        say("The same with curl:")
        say()
        for line in first_steps.requests(self._api_url, key):
            say(f"  {line}")
        say()
        say("Or in the dashboard; this link signs you in, once:")
        say()
        say(f"  {strong(dashboard_url)}")
        say()


def _show_arrival(console: Console, arrival: ReceivedRequest) -> None:
    console.say()
    console.say(console.strong("The first event, as its receiver got it:"))
    console.say()
    console.say("  POST /webhooks/flux")
    for name, value in arrival.headers.items():
        console.say(f"  {name.lower()}: {value}")
    console.say()
    console.say(f"  {arrival.body.decode()}")
    console.say()
    console.say(console.good(f"  ✓ signature verified, {arrival.milliseconds:.0f} ms after it was published"))


async def _answers(url: str) -> bool:
    async with local_client() as client:
        try:
            return (await client.get(url, timeout=2)).is_success
        except httpx.TransportError:
            return False


def _reachable(host: str) -> str:
    """Return where a server that listens on this address is reached from this machine."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
