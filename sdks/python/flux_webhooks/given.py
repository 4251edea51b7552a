"""What a caller gave of what may be left out: None leaves it out, and where null means something, UNSET does."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal, TypeVar

Value = TypeVar("Value")
Checked = TypeVar("Checked")


class Unset(Enum):
    """Stands where a caller said nothing, in the place of a field that may be null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


def given(check: Callable[..., Checked], value: object, *args: str, **bounds: int) -> Checked | None:
    """Return a value that was checked; None if there is none."""
    return None if value is None else check(value, *args, **bounds)


def named(**values: object) -> dict[str, Any]:
    """Return the values that there are, by their names."""
    return {name: value for name, value in values.items() if value is not None}


def nullable(
    name: str, value: Value | Literal[Unset.UNSET] | None, check: Callable[[Value], Checked]
) -> dict[str, Checked | None]:
    """Return a field that null empties: checked, None, or (UNSET) not at all."""
    if value is UNSET:
        return {}
    return {name: None if value is None else check(value)}
