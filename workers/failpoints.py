"""Arms a failpoint for fault tests: FAILPOINT=name[:count[:text]] ends this process when it comes there.

`count` is how many times it must be reached (default 1), counting only payloads that hold `text` if one is given.
"""

import os
import signal

from flux_dispatch.engine.flow import failpoint


def arm_from_environment() -> None:
    """Arm what the environment names; normally that is nothing."""
    given = os.environ.get("FAILPOINT")
    if given:
        wanted, _, rest = given.partition(":")
        count, _, text = rest.partition(":")
        failpoint.arm(_KillSelf(wanted, int(count or 1), text.encode()))


class _KillSelf:
    def __init__(self, wanted: str, count: int, text: bytes) -> None:
        self._wanted = wanted
        self._left = count
        self._text = text

    def __call__(self, name: str, payload: bytes) -> None:
        if name == self._wanted and self._text in payload:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
