"""Which numbers are too long to travel: the API reads no integer of more digits than Python reads."""

from __future__ import annotations

from typing import Final

MAX_DIGITS: Final = 4300

TOO_LONG: Final = f"a larger number than JSON is commonly read with, of over {MAX_DIGITS} digits: write it as text."


def is_too_long(value: object) -> bool:
    """Say whether this is an integer of too many digits, without writing it, which Python refuses to do."""
    return isinstance(value, int) and abs(value) >= _FIRST_TOO_LONG


def in_words(value: object) -> str:
    """Return how a message names a value, whatever somebody gave."""
    try:
        return str(value)
    except ValueError:
        return f"a {type(value).__name__} with a number of over {MAX_DIGITS} digits"


_FIRST_TOO_LONG: Final = 10**MAX_DIGITS
