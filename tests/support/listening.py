"""`flux listen` as its user runs it: a process, its lines as they come, and a local server that it forwards to."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from tests.support.waiting import eventually

SECONDS = 20


@dataclass
class ListenProcess:
    """The command, and what it has printed so far."""

    process: "subprocess.Popen[str]"
    output: IO[str] | None = None
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._threads = [
            threading.Thread(target=_collect, args=each)
            for each in ((self.output or self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for each in self._threads:
            each.start()

    @property
    def url(self) -> str:
        """The public URL, as soon as it is printed."""
        return str(self.until(r"Public URL {6}(\S+)")[1])

    @property
    def secret(self) -> str:
        """The signing secret, as soon as it is printed."""
        return str(self.until(r"Signing secret {2}(\S+)")[1])

    def until(self, pattern: str, *, times: int = 1) -> "re.Match[str]":
        """Return the last of so many lines that fit, as soon as they are there."""

        def fitting() -> "list[re.Match[str]] | None":
            has_ended = self.process.poll() is not None
            found = [match for line in list(self.lines) if (match := re.search(pattern, line))]
            assert not has_ended or len(found) >= times, "it has ended"
            return found if len(found) >= times else None

        try:
            return eventually(fitting, f"{times} lines like {pattern}", SECONDS)[times - 1]
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines, *self.errors])) from None

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def stop(self) -> None:
        """End it in whatever state it is, its session too."""
        self.process.terminate()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.ended()

    def ended(self) -> int:
        """Return the exit status, when all that it printed is there."""
        status = self.process.wait(SECONDS)
        for each in self._threads:
            each.join(SECONDS)
        return status


@contextmanager
def flux_listen(home: Path, *arguments: str, **environment: str) -> Iterator[ListenProcess]:
    """Run the command with these arguments, and end it if it has not ended by itself."""
    with listen_command(home, *arguments, **environment) as process:
        listening = ListenProcess(process)
        try:
            yield listening
        finally:
            listening.stop()


@contextmanager
def flux_listen_on_terminal(home: Path, *arguments: str, **environment: str) -> Iterator[ListenProcess]:
    """Run the command as `flux_listen` does, with a terminal for all that it prints."""
    ours, its = os.openpty()
    with (
        listen_command(home, *arguments, output=its, **environment) as process,
        os.fdopen(ours, encoding="utf-8") as lines,
    ):
        os.close(its)
        listening = ListenProcess(process, output=lines)
        try:
            yield listening
        finally:
            listening.stop()


@contextmanager
def listen_command(
    home: Path, *arguments: str, output: int = subprocess.PIPE, **environment: str
) -> Iterator["subprocess.Popen[str]"]:
    """Yield the process; its streams are pipes, unless its output goes elsewhere."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
    # what starts the tests may have it ignored, which a process hands on
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with subprocess.Popen(
        [sys.executable, "-m", "flux_dispatch.cli.main", "listen", *arguments],
        env=rest | {"FLUX_HOME": str(home)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@dataclass(frozen=True)
class LocalRequest:
    """A request as the local server got it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class LocalServer:
    """Answers with what it was sent, and with `status`, while it may; `port` is where."""

    port: int
    status: int = 200
    requests: list[LocalRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()


@contextmanager
def local_server(port: int = 0) -> Iterator[LocalServer]:
    """Run a local server in a thread, on a free port unless one is given."""

    class Echo(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            local.requests.append(LocalRequest(self.command, self.path, dict(self.headers.items()), body))
            local.may_answer.wait(SECONDS)
            self.send_response(local.status)
            self.send_header("content-type", "application/octet-stream")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Echo) as server:
        local = LocalServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield local
        finally:
            server.shutdown()
            thread.join()


def _collect(stream: IO[str], lines: list[str]) -> None:
    # a terminal whose other side is gone ends with an error, not with the end of a file
    with suppress(OSError):
        lines.extend(line.rstrip("\n") for line in iter(stream.readline, ""))
