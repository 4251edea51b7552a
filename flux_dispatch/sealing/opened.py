"""Opened values, remembered for a while: a webhook's secret is needed for every delivery and hardly ever changes."""

from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

Value = TypeVar("Value")


class Opened(Generic[Value]):
    """Remembers what was opened, by its row and by how it is sealed: what is sealed anew is opened anew, at once.

    Args:
        open_value: opens what is sealed in a row.
        max_bytes: how much may be remembered, counted as it is sealed; the oldest goes first.
    """

    def __init__(self, open_value: Callable[[UUID, bytes], Value], max_bytes: int) -> None:
        self._open_value = open_value
        self._max_bytes = max_bytes
        self._values: dict[tuple[UUID, bytes], Value] = {}
        self._bytes = 0

    def get(self, row: UUID, sealed: bytes) -> Value:
        """Return the value; whatever opening it raises is raised, and not remembered."""
        value = self._values.get((row, sealed))
        return self._opened(row, sealed) if value is None else value

    def _opened(self, row: UUID, sealed: bytes) -> Value:
        value = self._open_value(row, sealed)
        self._bytes += len(sealed)
        while self._values and self._bytes > self._max_bytes:
            oldest = next(iter(self._values))
            self._bytes -= len(oldest[1])
            del self._values[oldest]
        self._values[row, sealed] = value
        return value
