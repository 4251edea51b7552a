"""The guard of the process that sends for customers: whatever a plugin does, it opens nothing but what it may.

It is an audit hook (PEP 578): the interpreter calls it before each of these acts, and it cannot be taken off again. So
it holds for redirects, for names that lead to another address the second time, and for plugins that nobody has read.
"""

import os
import socket
import sys
import sysconfig
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final

from flux_dispatch.domain.address import AddressPolicy

BLOCKED: Final = (
    "The host leads to an address that is not public, so nothing was sent: use a public one, or ask the operator to "
    "allow it with FLUX_ALLOW_NETWORKS."
)

_ANY_FILE_BELOW: Final = tuple(
    {os.path.realpath(sysconfig.get_path(each)) for each in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {"/usr/share/zoneinfo", "/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates"}
)
_THESE_FILES: Final = frozenset({"/dev/null", "/dev/urandom", "/etc/mime.types", "/etc/localtime"})
_CODE: Final = (".py", ".pyc", ".so")
_FORBIDDEN: Final = (
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile"),
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"),
    *("shutil.", "tempfile.", "sqlite3.", "ctypes.dlopen", "syslog.", "winreg.", "ftplib.", "pty.spawn"),
)


class Blocked(OSError):
    """An address that may not be reached, or an act that no plugin of ours needs."""


class Guard:
    """Permits what a message to a public server takes, and nothing else; notes whether it refused the last address."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self.has_blocked_address = False
        self._checks: Mapping[str, Callable[[tuple[Any, ...]], None]] = {
            "socket.connect": self._check_address,
            "socket.sendto": self._check_address,
            "socket.sendmsg": self._check_address,
            "socket.bind": _refuse_bind,
            "open": _check_file,
        }

    def install(self) -> None:
        """Hold from now on, until this process ends."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        check = self._checks.get(event)
        if check is not None:
            check(arguments)
        elif event.startswith(_FORBIDDEN):
            raise Blocked(f"Alert channels may not do this: {event}.")

    def _check_address(self, arguments: tuple[Any, ...]) -> None:
        made, destination = arguments[:2]
        if destination is None:  # it is connected already
            return
        try:
            is_permitted = made.family in {socket.AF_INET, socket.AF_INET6} and self._policy.permits(
                ip_address(destination[0])
            )
        except (ValueError, TypeError, IndexError):  # a name: whoever looks it up does so behind our back
            is_permitted = False
        # a host may have another address behind one that is blocked: then that was not what was wrong
        self.has_blocked_address = not is_permitted
        if not is_permitted:
            raise Blocked(BLOCKED)


def _refuse_bind(_: tuple[Any, ...]) -> None:
    raise Blocked("Alert channels may not listen.")


def _check_file(arguments: tuple[Any, ...]) -> None:
    path, mode, flags = (*arguments, None, None)[:3]
    if isinstance(path, int):  # it is open already
        return
    name = os.path.realpath(os.fsdecode(path))
    is_written = (isinstance(mode, str) and set(mode) & set("wax+")) or (
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    )
    is_known = name in _THESE_FILES or name.endswith(_CODE) or name.startswith(tuple(f"{d}/" for d in _ANY_FILE_BELOW))
    if is_written or not is_known:
        raise Blocked("Alert channels may not read or write files.")
