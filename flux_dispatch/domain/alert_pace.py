"""How often people are told: soon at first, then at the end of windows that grow; an outage is a few messages."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

CHANNEL_PATIENCE: Final = timedelta(days=5)
"""For how long every message to a channel may fail before it is disabled."""

RETRY_DELAYS: Final = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
"""How long after each failed attempt a message is sent again; the last one holds for all that follow."""


@dataclass(frozen=True, slots=True)
class AlertPace:
    """When a channel is told.

    Attributes:
        gather: how long the first message about something waits for more of the same.
        windows: how long after each message the next one about the same webhook and kind may come; the last one holds
            for all that follow. Quiet for twice its window, and it begins anew.
        spacing: how long after a message of whatever kind the next one to the same channel may come.
    """

    gather: timedelta = timedelta(seconds=10)
    windows: tuple[timedelta, ...] = (
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
    )
    spacing: timedelta = timedelta(minutes=3)


def retry_delay(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts, from 1."""
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]
