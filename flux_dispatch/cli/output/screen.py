"""A part of the terminal that is drawn again and again, in the place of what stood there before."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from flux_dispatch.cli.output.terminal import coloured, height, width
from flux_dispatch.cli.output.text import cut_end

_UP_AND_CLEAR: Final = "\x1b[{lines}F\x1b[J"


class Screen:
    """Draws lines over those that it drew before; of more than fit, the first."""

    def __init__(self) -> None:
        self._drawn = 0

    def draw(self, lines: Sequence[str], trouble: str) -> None:
        """Draw these lines, and below them the time, or what is wrong."""
        fit = list(lines[: max(1, height() - 3)])
        below = trouble or f"{datetime.now().astimezone():%H:%M:%S}  Ctrl-C ends"
        fit.append(coloured(cut_end(below, width() - 1), "red" if trouble else None, dim=not trouble))
        over = _UP_AND_CLEAR.format(lines=self._drawn) if self._drawn else ""
        sys.stdout.write(over + "".join(f"{line}\n" for line in fit))
        sys.stdout.flush()
        self._drawn = len(fit)
