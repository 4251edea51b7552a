"""The trace of an event: its ids follow from the event's own, so every process knows them and none stores them."""

from typing import Final

from flux_dispatch.domain.ids import EventId

PLACE_OF_TRACE: Final = "{trace}"
"""What stands for the id in the URL of a trace."""

_RANDOM_BITS: Final = 56
"""The last bits of a trace id, of which W3C Trace Context (level 2) wants to know that they are random."""
_RANDOM_MASK: Final = (1 << _RANDOM_BITS) - 1


def trace_id_of(event: EventId) -> int:
    """Return the 128 bits of an event's trace: the event's UUID, which is never zero."""
    return int(event[-32:], 16)


def publish_span_id_of(event: EventId) -> int:
    """Return the 64 bits of the span of its publishing, the parent of its attempts: the last half of its UUID.

    It is never zero either: it begins with the two bits that say which kind of UUID it is.
    """
    return int(event[-16:], 16)


class TraceRatio:
    """Which part of the traces is recorded: every process takes the same ones, by their ids alone.

    It reads the bits that are random in every version 7 UUID, the last 56, and takes those above a threshold, as
    OpenTelemetry's consistent sampling does. The samplers of its SDKs read 64, of which two are fixed in a UUID: they
    would take none below a ratio of a half, and all from three quarters on.

    Args:
        ratio: 0 takes none, 1 takes all.
    """

    def __init__(self, ratio: float) -> None:
        self._least = round((1 - ratio) * (1 << _RANDOM_BITS))

    def takes(self, trace_id: int) -> bool:
        """Say whether this trace is recorded."""
        return trace_id & _RANDOM_MASK >= self._least


class TraceLinks:
    """Where people look at the traces of events.

    Args:
        pattern: a URL with `{trace}` in it, in whose place the id comes; None: nobody knows where.
        ratio: which traces there are.
    """

    def __init__(self, pattern: str | None, ratio: TraceRatio) -> None:
        self._pattern = pattern
        self._ratio = ratio

    def link_to(self, event: EventId) -> str | None:
        """Return the URL of an event's trace, None where it is not recorded or not known where."""
        trace_id = trace_id_of(event)
        if self._pattern is None or not self._ratio.takes(trace_id):
            return None
        return self._pattern.replace(PLACE_OF_TRACE, f"{trace_id:032x}")
