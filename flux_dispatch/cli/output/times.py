"""Times as people read them, in their own zone, and as programs do, in UTC."""

from datetime import UTC, datetime, timedelta


def local(instant: datetime) -> str:
    """Return a time in this machine's zone, to the second."""
    return f"{instant.astimezone():%Y-%m-%d %H:%M:%S}"


def utc(instant: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the second where nothing is lost by that."""
    exact = instant.astimezone(UTC)
    text = exact.isoformat(timespec="milliseconds" if exact.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def span(length: timedelta) -> str:
    """Return a length of time in its largest unit, like 3 h."""
    seconds = max(0.0, length.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
