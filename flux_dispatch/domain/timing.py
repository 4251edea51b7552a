"""The engine's intervals, each with what it must be longer or shorter than."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

HORIZON: Final = timedelta(seconds=30)
"""How far ahead a retry is handed to Celery. Countdown messages are lost with a worker's memory and cost it about 8 kB
each, so this is short; it must be longer than the sweeper's longest sleep."""

GRACE: Final = timedelta(seconds=5)
"""How late a delivery may be before the sweeper takes its message for lost."""

CLAIM_SLACK: Final = timedelta(seconds=1)
"""How much too early a message may come and still be claimed; the worker waits out the rest."""

LEASE_MARGIN: Final = timedelta(seconds=10)
"""What a lease is longer than the longest POST: waiting for a turn, settling, a pause of the database."""

MAX_RESCUES: Final = 3
"""How many workers may die over one attempt before it counts as failed."""

RESCUE_SPREAD: Final = timedelta(seconds=2)
"""Over how long those are spread that a dead worker leaves behind. One of them may have killed it: what were sent again
beside it at the same moment would be sent twice by the next death, too."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The intervals that the statements use; tests make them short."""

    lease: timedelta
    horizon: timedelta = HORIZON
    enqueue_grace: timedelta = GRACE
    slack: timedelta = CLAIM_SLACK
    most_rescues: int = MAX_RESCUES
    rescue_spread: timedelta = RESCUE_SPREAD

    def sweep_after(self, delay: timedelta) -> timedelta:
        """Return when the sweeper must come at what is due after this delay.

        Within the horizon it is enqueued at once, and swept when that message seems lost; beyond, the sweeper enqueues
        it.
        """
        return delay + self.enqueue_grace if delay <= self.horizon else delay - self.horizon
