"""Runs the `flux` command: in this process, where that is the same and quick; as a process; or on a terminal."""

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from flux_webhooks import Flux

from flux_dispatch.cli.main import run

PROGRAM: Final = [sys.executable, "-P", "-m", "flux_dispatch.cli.main"]
SECONDS: Final = 30


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The cells of what was printed for a pipe."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def fields(self) -> dict[str, str]:
        """The fields of one thing, as a pipe gets them."""
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


class Command:
    """Runs the command with these settings, in a home of its own, and with nothing else of ours in the environment."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self._settings = settings
        self._started: list[subprocess.Popen[Any]] = []

    def with_settings(self, **settings: str) -> "Command":
        """Return the same with other settings; an empty one is none."""
        other = Command(self.home, **(self._settings | settings))
        other._started = self._started
        return other

    def client(self) -> Flux:
        """Return a client of the SDK for the same API, with the same key."""
        return Flux(self._settings["FLUX_API_KEY"], api_url=self._settings["FLUX_API_URL"])

    def close(self) -> None:
        """End whatever a test that failed has left behind."""
        for process in self._started:
            with process:
                process.kill()

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ran:
        """Run it in this process, its output a pipe."""
        out, err = _stream(), _stream()
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in self.environment().items():
                patch.setenv(name, value)
            for name, value in {
                "argv": ["flux", *arguments],
                "stdin": _stream(stdin),
                "stdout": out,
                "stderr": err,
            }.items():
                patch.setattr(sys, name, value)
            try:
                run()
                status: Any = 0
            except SystemExit as ended:
                status = ended.code
        return Ran(int(status or 0), _text(out), _text(err))

    def done(self, *arguments: str, stdin: bytes = b"") -> Ran:
        """Run it, and expect that all was done."""
        ran = self(*arguments, stdin=stdin)
        assert ran.status == 0, ran.err
        return ran

    def refused(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run it, and return the one line that says why nothing was done."""
        ran = self(*arguments, stdin=stdin)
        assert ran.status == 1, ran
        *_, line = ran.err.splitlines()
        assert line.startswith("flux: ")
        assert "Traceback" not in ran.err
        return line

    def misused(self, *arguments: str) -> str:
        """Run it, and return what says that it was written wrong."""
        ran = self(*arguments)
        assert ran.status == 2, ran
        assert "Traceback" not in ran.err
        return ran.err

    def process(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start it as a process."""
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env=self.environment(),
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self._started.append(process)
        return process

    def terminal(self, *arguments: str, columns: int = 80, **settings: str) -> "Terminal":
        """Start it on a terminal of so many columns."""
        terminal = Terminal([*PROGRAM, *arguments], self.environment() | {"TERM": "xterm-256color"} | settings, columns)
        self._started.append(terminal.process)
        return terminal

    def environment(self) -> dict[str, str]:
        """Return what the command's environment is."""
        foreign = (
            "FLUX_",
            "COLUMNS",
            "LINES",
            "NO_COLOR",
            "FORCE_COLOR",
            "TERM",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "_FLUX",
        )
        rest = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        given = {name: value for name, value in self._settings.items() if value}
        return rest | {"FLUX_HOME": str(self.home), "TZ": "UTC"} | given


class Terminal:
    """A process on a terminal of its own, and what has stood on that."""

    def __init__(self, command: list[str], environment: Mapping[str, str], columns: int) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._terminal = ours
        self._read = b""
        self.process = subprocess.Popen(
            command, env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)

    @property
    def raw(self) -> str:
        """All that was written, with the codes that move and colour."""
        return self._read.decode(errors="replace").replace("\r\n", "\n")

    @property
    def text(self) -> str:
        """All that was written, without those codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw)

    def until(self, is_there: Callable[[str], bool], what: str) -> str:
        """Read until this holds of the text."""
        deadline = time.monotonic() + SECONDS
        while not is_there(self.text):
            assert time.monotonic() < deadline, f"{what}: {self.text}"
            assert self._more() or is_there(self.text), f"it ended before {what}: {self.text}"
        return self.text

    def type(self, keys: str) -> None:
        """Type something."""
        os.write(self._terminal, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read all that comes until it ends, and return its exit status."""
        try:
            while self._more():
                pass
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._terminal)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], SECONDS)
        try:
            read = os.read(self._terminal, 65536) if ready else b""
        except OSError:  # the other end is closed
            read = b""
        self._read += read
        return bool(read)


class _Stream(io.TextIOWrapper):
    """What this thread prints; an API in another one, which logs, goes nowhere."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", write_through=True)
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        return super().write(text) if threading.get_ident() == self._thread else len(text)


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return _Stream(content)


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
