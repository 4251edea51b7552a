"""Failpoints: named places where a fault test may end this process; they do nothing unless one is armed."""

from collections.abc import Callable

_armed: Callable[[str, bytes], None] | None = None


def arm(strike: Callable[[str, bytes], None] | None) -> None:
    """Have this called at every failpoint with its name and the payload at hand; None disarms."""
    global _armed  # noqa: PLW0603 - one process, one arming, so that an unarmed failpoint costs a comparison
    _armed = strike


def reach(name: str, payload: bytes = b"") -> None:
    """Mark that the process is here."""
    if _armed is not None:
        _armed(name, payload)
