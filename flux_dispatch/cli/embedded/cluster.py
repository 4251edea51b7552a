"""PostgreSQL's data directory: made whole or not at all, and only used when it is of the version that we have."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from flux_dispatch.cli.embedded.environment import server_environment
from flux_dispatch.cli.embedded.memory import memory_options
from flux_dispatch.cli.embedded.missing import ServerUnavailable
from flux_dispatch.cli.embedded.owner import Owner

_MAX_PATH_BYTES: Final = 900
"""PostgreSQL's own limit is 1024 (MAXPGPATH), with the names of its files."""

_OPTIONS: Final = (
    *("--username=postgres", "--auth=trust", "--no-instructions"),
    # a locale of PostgreSQL's own: the shell's may not exist on this machine
    *("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)

_MARK: Final = re.compile(r"\b(PANIC|FATAL|ERROR|error|fatal):")


def ensure_cluster(programs: Path, data: Path, owner: Owner) -> None:
    """Make the data directory if there is none.

    Raises:
        ServerUnavailable: it cannot be made, or what is there cannot be used.
        OSError: as above.
    """
    if len(bytes(data)) > _MAX_PATH_BYTES:
        raise ServerUnavailable(
            f"The path of FLUX_HOME is longer than the {_MAX_PATH_BYTES} bytes that PostgreSQL can take. "
            "Set a shorter one."
        )
    if not data.exists() or not any(data.iterdir()):
        _make(programs, data, owner)
        return
    if not (data / "global" / "pg_control").exists():
        raise ServerUnavailable(
            f"{data} is no whole PostgreSQL data directory; its making may have been interrupted. "
            "Remove it, or set FLUX_HOME to another directory."
        )
    here, ours = (data / "PG_VERSION").read_text().strip(), _version(programs)
    if here != ours:
        raise ServerUnavailable(
            f"{data} was written by PostgreSQL {here}, and this is PostgreSQL {ours}, which does not read it. Set "
            f"FLUX_HOME to another directory, or FLUX_DATABASE_URL to a PostgreSQL {here} that runs on it."
        )


def _make(programs: Path, data: Path, owner: Owner) -> None:
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    owner.give(draft)
    try:
        made = subprocess.run(  # noqa: S603 - our own words
            # its name alone: initdb would not take every character of the whole path
            [str(programs / "initdb"), f"--pgdata={draft.name}", *_OPTIONS, *memory_options()],
            cwd=draft.parent,
            env=server_environment(),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # the terminal's Ctrl-C does not interrupt it
            start_new_session=True,
            **owner.options,
        )
        if made.returncode:
            raise ServerUnavailable(
                f"PostgreSQL's data directory cannot be made in {data}: {last_line(made.stdout)}. "
                "Set FLUX_HOME to another directory, or FLUX_DATABASE_URL to use another server."
            )
        draft.replace(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def last_line(output: bytes) -> str:
    """Return the line that says why a program of PostgreSQL ended."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if "removing" not in line]
    for line in lines:
        marked = _MARK.search(line)
        if marked:
            # the first one is the cause, what follows comes of it
            return line[marked.end() :].strip().rstrip(".")
    return lines[-1].rstrip(".") if lines else "it said nothing"


def _version(programs: Path) -> str:
    """Return the major version of our PostgreSQL, as PG_VERSION has it."""
    said = subprocess.run(  # noqa: S603 - our own words
        [str(programs / "postgres"), "--version"], env=server_environment(), check=False, capture_output=True
    )
    if said.returncode:
        raise ServerUnavailable(
            f"PostgreSQL does not run on this system: {last_line(said.stderr)}. "
            "Set FLUX_DATABASE_URL to use another server."
        )
    return said.stdout.decode().split()[-1].partition(".")[0]
