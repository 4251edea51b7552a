"""Topics: event patterns behind their account's id, so that one index finds every webhook that wants an event."""

from collections.abc import Iterable


def topics(account_hex: str, patterns: Iterable[str]) -> list[str]:
    """Return the topics of a webhook (its patterns) or of an event (every pattern that matches it)."""
    return [f"{account_hex} {pattern}" for pattern in patterns]
