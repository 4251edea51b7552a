"""The surroundings of a command: another user, a small machine, somebody's shell, set up for real."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.tree import ROOT

NOBODY = 65534
"""A user who is on every system, with a name, without a home."""

NAMELESS = 54321
"""A user id without a name, as container platforms give out."""

SMALL_SHM = "mount -t tmpfs -o size=1m,mode=1777 tmpfs /dev/shm"
NO_IPV6 = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up"


@dataclass(frozen=True)
class Surroundings:
    """What a command finds.

    Attributes:
        user: whose it is; None for ours.
        machine: what root does to the machine before, seen by this command alone (mounts, network).
        before: what the user's shell does before.
        network: whether it has a network of its own.
        directory: where it starts.
        environment: variables besides those of the tests.
        without: variables of the tests' that are not there.
    """

    user: int | None = None
    machine: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    network: bool = False
    directory: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        """Return the command that starts these words in here; skip the test where that takes more than we may do."""
        inner = ["sh", "-ec", "; ".join([*self.before, 'exec "$@"']), "sh", *words] if self.before else list(words)
        if self.user is None and not self.machine:
            return inner
        if os.geteuid() != 0:
            pytest.skip("only root can become another user, and change a machine")
        user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        lines = [*(_open_ways() if self.user else []), *self.machine]
        if not lines:
            return [*user, *inner]
        unshare = ["unshare", "--mount", *(["--net"] if self.network else [])]
        if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
            pytest.skip("this root may have no mounts of its own")
        return [*unshare, "sh", "-ec", "\n".join([*lines, 'exec "$@"']), "sh", *user, *inner]

    def variables(self, more: dict[str, str]) -> dict[str, str]:
        """Return the whole environment, with these settings."""
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FLUX_") and name not in self.without
        }
        return own | self.environment | more


def _open_ways() -> list[str]:
    """Let everybody come to the interpreter and to this project, where they lie in root's own home: by mounts."""
    needed = [Path(sys.base_prefix), Path(sys.prefix), ROOT]
    closed = {shut for each in needed if (shut := _topmost_shut(each))}
    behind = [each for each in needed if any(shut in each.parents or shut == each for shut in closed)]
    lines = ["spare=/dev/shm", "mount -t tmpfs -o mode=1777 tmpfs $spare"]
    for number, each in enumerate(behind):
        lines += [f"mkdir $spare/{number}", f"mount --bind '{each}' $spare/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs '{each}'" for each in closed]
    for number, each in enumerate(behind):
        lines += [f"mkdir -p '{each}'", f"mount --bind $spare/{number} '{each}'"]
    return lines if behind else []


def _topmost_shut(path: Path) -> Path | None:
    return next((each for each in reversed((path, *path.parents)) if not each.stat().st_mode & 0o001), None)
