"""`flux up` as a newcomer runs it: a process in a directory of its own, looked at from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.surroundings import Surroundings
from tests.support.waiting import eventually

START_SECONDS = 60
FLUX = (sys.executable, "-P", "-m", "flux_dispatch.cli.main")
ANY_PORTS = ("--port", "0", "--flower-port", "0")
OURS = Surroundings()


class Up:
    """One `flux up`, its terminal's lines, and what it says about itself in up.json."""

    def __init__(self, home: Path, *arguments: str, within: Surroundings = OURS, **settings: str) -> None:
        self.home = home
        self._log = home.with_suffix(".log")
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                within.command(*FLUX, "up", *ANY_PORTS, *arguments),
                env=within.variables({"FLUX_HOME": str(home)} | settings),
                cwd=within.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> Self:
        eventually(self._has_started, "flux up is ready", START_SECONDS)
        return self

    @property
    def file(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "up.json").read_text()))

    @property
    def text(self) -> str:
        return self._log.read_text()

    @property
    def client(self) -> httpx.Client:
        authorization = {"authorization": f"Bearer {self.file['api_key']}"}
        return httpx.Client(base_url=self.file["api_url"], headers=authorization)

    def pid(self, part: str) -> int:
        return int(self.file["pids"][part])

    def kill(self, part: str) -> int:
        """Kill a part, and return the process id of the one that came in its place."""
        killed = self.pid(part)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: self.pid(part) != killed, f"{part} is started again")
        return self.pid(part)

    def answers(self) -> bool:
        try:
            with self.client as client:
                return client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def processes(self) -> set[int]:
        """Return every process that was started for this home: it stands in their environment, arguments or place."""
        return {int(each.name) for each in Path("/proc").glob("[0-9]*") if _is_about(each, os.fsencode(self.home))}

    def stop(self) -> int:
        if self.process.poll() is None:
            self.interrupt()
        return self.process.wait(40)

    def interrupt(self) -> None:
        """Do what a terminal does at Ctrl-C: all processes of its foreground get SIGINT."""
        os.killpg(self.process.pid, signal.SIGINT)

    def _has_started(self) -> bool:
        assert self.process.poll() is None, self.text
        return (self.home / "up.json").exists()


@contextmanager
def running(home: Path, *arguments: str, within: Surroundings = OURS, **settings: str) -> Iterator[Up]:
    up = Up(home, *arguments, within=within, **settings)
    try:
        yield up
    finally:
        up.stop()


def flux_up(
    home: Path, *arguments: str, within: Surroundings = OURS, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a `flux up` that is refused."""
    return subprocess.run(
        within.command(*FLUX, "up", *ANY_PORTS, *arguments),
        env=within.variables({"FLUX_HOME": str(home)} | settings),
        cwd=within.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_alive(pid: int) -> bool:
    """Say whether a process lives; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_about(process: Path, words: bytes) -> bool:
    try:
        # Redis writes its title over both; it works in its home
        place = os.fsencode((process / "cwd").readlink())
        return words in (process / "environ").read_bytes() + (process / "cmdline").read_bytes() + place
    except OSError:  # it ended meanwhile
        return False
