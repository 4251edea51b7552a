"""Where POSTs go: nginx if it is installed, else a sink of our own that costs nearly as little; both log what came."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.servers import process, wait_for_port
from flux_dispatch.cli.embedded import free_port

LAST_LINE_SECONDS: Final = 30
"""When nothing came for so long, no more is expected."""

FAILING: Final = "/failing"
"""Below this path a sink answers 500, and logs nothing."""

_NGINX: Final = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
{user}
events {{ worker_connections 8192; }}
http {{
    log_format arrival '$msec $http_flux_delivery $http_webhook_id $uri';
    access_log {directory}/arrivals arrival buffer=32k flush=50ms;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ return 200 ok; }}
        location {failing}/ {{ access_log off; return 500 no; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One POST that was answered 200; `at` is wall-clock seconds, to the millisecond."""

    at: float
    delivery: str
    event: str
    path: str


class Sink:
    """A running sink: `name` says which kind, `url` where it is, without a path; `log` has a line for each arrival."""

    def __init__(self, name: str, url: str, log: Path) -> None:
        self.name = name
        self.url = url
        self.log = log
        self._read_until = 0

    def arrivals(self, at_least: int) -> list[ReceivedRequest]:
        """Return what came since the last call: so much, or what there is when nothing more comes."""
        lines: list[bytes] = []
        deadline = time.monotonic() + LAST_LINE_SECONDS
        while len(lines) < at_least and time.monotonic() < deadline:
            time.sleep(0.05)
            if new := self._new_lines():
                lines += new
                deadline = time.monotonic() + LAST_LINE_SECONDS
        return [_arrival(line) for line in lines + self._new_lines()]

    def _new_lines(self) -> list[bytes]:
        with self.log.open("rb") as log:
            log.seek(self._read_until)
            lines = [line for line in log.readlines() if line.endswith(b"\n")]
        self._read_until += sum(len(line) for line in lines)
        return lines


@contextmanager
def sink() -> Iterator[Sink]:
    """Start a sink for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="flux-sink-") as name:
        directory, port = Path(name), free_port()
        log = directory / "arrivals"
        log.touch()
        kind, command = _nginx(directory, port) or _ours(log, port)
        with process(command, dict(os.environ)):
            wait_for_port(port)
            yield Sink(kind, f"http://127.0.0.1:{port}", log)


@contextmanager
def tarpit() -> Iterator[str]:
    """Start an endpoint that takes requests and never answers; its URL."""
    port = free_port()
    with process([sys.executable, "-m", "benchmarks.tarpit", str(port)], dict(os.environ)):
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"


def _nginx(directory: Path, port: int) -> tuple[str, list[str]] | None:
    executable = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if executable is None:
        return None
    configuration = directory / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(directory=directory, port=port, user=user, failing=FAILING))
    return "nginx", [executable, "-p", str(directory), "-c", str(configuration)]


def _ours(log: Path, port: int) -> tuple[str, list[str]]:
    return "built-in", [sys.executable, "-m", "benchmarks.sink_server", str(port), str(log), FAILING]


def _arrival(line: bytes) -> ReceivedRequest:
    at, delivery, event, path = line.decode().split()
    return ReceivedRequest(float(at), delivery, event, path)
