"""What a lease says of time, carried on by this process's monotonic clock."""

import time

from flux_dispatch.domain.claim import ClaimedBatch


class LeaseClock:
    """The database's time, and what is left of a lease.

    Signatures carry the database's time, so a worker whose clock is off signs well; and no POST begins that might
    outlast its lease, for instance after the whole process was frozen.

    Args:
        lease: what the claim returned.
        asked: when the claim was asked for, in monotonic seconds, as all times here. Not the loop's: it stands still
            while the process is frozen.

    Attributes:
        asked: the same.
        at_seconds: the database's unix time when it claimed.
    """

    def __init__(self, lease: ClaimedBatch, asked: float) -> None:
        self.asked = asked
        self.at_seconds = lease.at.timestamp()
        self._database_offset = self.at_seconds - time.monotonic()
        self._ends = asked + lease.seconds

    def unix_seconds(self, now: float) -> int:
        """Return the database's time."""
        return int(self._database_offset + now)

    def seconds_left(self, now: float) -> float:
        """Return how long the lease still holds."""
        return self._ends - now
