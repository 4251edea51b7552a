"""As whom PostgreSQL's programs run: it refuses root, so root lends it an unprivileged user and a way to its files."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flux_dispatch.cli.embedded.missing import ServerUnavailable

SYSTEM_USER: Final = "pgserver"
_LAST_RESORT: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Owner:
    """The user whose the server's files are; None: whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def options(self) -> Mapping[str, Any]:
        """What `subprocess` needs to start a program as this user."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make a file or directory this user's."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, directory: Path) -> bool:
        """Say whether this user may go through a directory and all those above it."""
        return all(self._may_pass(each.stat()) for each in (directory, *directory.parents))

    def open_way(self, directory: Path) -> None:
        """Let this user through a directory and those above it: the right to pass, to no more of them than need it.

        Raises:
            OSError: one of them cannot be changed.
        """
        for each in (directory, *directory.parents):
            status = each.stat()
            if not self._may_pass(status):
                each.chmod(stat.S_IMODE(status.st_mode) | self._bits(status, 0o1))

    def open_programs(self, root: Path) -> None:
        """Let this user read and run what is below a directory, as a umask may have kept it from."""
        self.open_way(root)
        for place, _, files in os.walk(root):
            for each in (Path(place), *(Path(place, name) for name in files)):
                status = each.lstat()
                wanted = 0o5 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o4
                bits = self._bits(status, wanted)
                if not stat.S_ISLNK(status.st_mode) and status.st_mode & bits != bits:
                    each.chmod(stat.S_IMODE(status.st_mode) | bits)

    def _may_pass(self, status: os.stat_result) -> bool:
        return bool(status.st_mode & self._bits(status, 0o1))

    def _bits(self, status: os.stat_result, wanted: int) -> int:
        """Shift rwx bits to where they count for this user; all of them for whoever we are."""
        if self.uid is None:
            return wanted * 0o111
        if status.st_uid == self.uid:
            return wanted << 6
        return wanted << 3 if status.st_gid == self.gid else wanted


def owner_of(data: Path) -> Owner:
    """Return as whom the server of this data directory runs: as we do, or, where we are root, as its owner.

    Raises:
        ServerUnavailable: PostgreSQL cannot run as us, and there is no other user for it.
    """
    if os.geteuid() != 0:
        _need_a_name(os.geteuid())
        return Owner()
    if data.exists() and data.stat().st_uid != 0:
        return Owner(data.stat().st_uid, data.stat().st_gid)
    user = _entry(SYSTEM_USER) or _made(SYSTEM_USER) or _entry(_LAST_RESORT)
    if user is None:
        raise ServerUnavailable(
            "PostgreSQL does not run as root, and this system has no user for it: make one named "
            f"{SYSTEM_USER} (useradd --system {SYSTEM_USER}; BusyBox: adduser -S -D -H {SYSTEM_USER}), "
            "run this as an ordinary user, or set FLUX_DATABASE_URL."
        )
    return Owner(user.pw_uid, user.pw_gid)


def _need_a_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise ServerUnavailable(
            f"PostgreSQL needs a user name, and user id {uid} has none on this system: add it to /etc/passwd, "
            "run this as a user who is there, or set FLUX_DATABASE_URL to use another server."
        ) from None


def _made(name: str) -> pwd.struct_passwd | None:
    """Make a system user without a home and a shell; None where that cannot be (no useradd, a read-only /etc)."""
    useradd = shutil.which("useradd")
    if useradd is None:
        return None
    shell = shutil.which("nologin") or "/bin/false"
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", shell, name]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - our own words
    return _entry(name)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
