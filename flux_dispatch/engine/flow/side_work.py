"""How long what a worker does now and then rests while it has nothing to do."""

from typing import Final

IDLE_SECONDS: Final = 30.0
"""It need not look for itself: a worker asks once a second, in one statement for all of it, what has something to do,
and calls that (`store/side_work.py`)."""
