"""This machine: its disk, and how many connections a process may hold."""

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, unknown, warning, wrong

DISK, OPEN_FILES = "disk", "open files"
NEARLY_FULL: Final = 0.10
FULL: Final = 0.02
ENOUGH_FILES: Final = 4096


def check_machine(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of the machine that this runs on."""
    yield _disk(installation.settings.home)
    yield _open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _disk(home: Path) -> Finding:
    place = next(each for each in (home.absolute(), *home.absolute().parents) if each.exists())
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return unknown(DISK, f"{place} cannot be asked: {error.strerror}")
    part = usage.free / usage.total
    said = f"{usage.free / 1e9:,.1f} GB free ({part:.0%}) at {place}"
    mend = "Make room: PostgreSQL stops when its disk is full. The database's own disk may be another one."
    if part < NEARLY_FULL:
        return (wrong if part < FULL else warning)(DISK, f"{said}.", mend)
    return ok(DISK, said)


def _open_files(limit: int) -> Finding:
    if limit == resource.RLIM_INFINITY or limit >= ENOUGH_FILES:
        return ok(OPEN_FILES, "no limit" if limit == resource.RLIM_INFINITY else f"up to {limit:,}")
    mend = f"Raise it to {ENOUGH_FILES} at least (ulimit -Hn, or LimitNOFILE of systemd): each POST takes a connection."
    return warning(OPEN_FILES, f"A process may have {limit:,} only.", mend)
