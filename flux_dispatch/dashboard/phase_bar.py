"""Where the time of an attempt went: its phases side by side, as a bar and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from flux_dispatch.dashboard.formats import milliseconds
from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.phases import Phase

NAMES: Final = {Phase.DNS: "DNS", Phase.CONNECT: "Connect", Phase.TLS: "TLS", Phase.WAIT: "Wait", Phase.READ: "Read"}

WIDTH: Final = 1000
"""Of the bar of the attempt that took most time; the others are as much narrower as they were quicker."""

_LEAST: Final = 4
"""What took place is seen, however quick it was."""

_BAR: Final = Markup(
    '<svg class="phases" viewBox="0 0 {width} 8" preserveAspectRatio="none" role="img">'
    "<title>{said}</title>{parts}</svg>"
)
_PART: Final = Markup('<rect class="{phase}" x="{x:.1f}" width="{width:.1f}" height="8"/>')


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """The bar, and of each phase that took place its key, its name and how long it was."""

    svg: Markup
    phases: list[tuple[str, str, str]]


def phase_bar(attempt: AttemptRecord, full_seconds: float) -> PhaseBar:
    """Return the bar of an attempt beside others, of which the one that took `full_seconds` fills the width."""
    phases = [(phase.value, NAMES[phase], seconds) for phase, seconds in _measured(attempt)]
    told = [(key, name, milliseconds(seconds)) for key, name, seconds in phases]
    said = ", ".join(f"{name} {length}" for _, name, length in told) or milliseconds(attempt.duration_seconds)
    scale = WIDTH / full_seconds if full_seconds > 0 else 0
    parts, x = Markup(""), 0.0
    for key, _, seconds in phases or [("unknown", "", attempt.duration_seconds)]:
        width = min(max(seconds * scale, _LEAST), max(WIDTH - x, 0))
        parts += _PART.format(phase=key, x=x, width=width)
        x += width
    return PhaseBar(_BAR.format(width=WIDTH, said=said, parts=parts), told)


def _measured(attempt: AttemptRecord) -> Iterator[tuple[Phase, float]]:
    for phase in Phase:
        seconds = getattr(attempt.phases, phase.value)
        if seconds is not None:
            yield phase, seconds
