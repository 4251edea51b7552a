"""The table of a run: as lines on the terminal while it goes on, and in Markdown for the docs."""

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from docs.generated import renewed
from tests.faults.checker import Verdict

HEADS = ["fault", "acknowledged", "delivered", "told", "lost", "duplicate", "unclear", "recovered"]
LINE = "{:<52} {:>12} {:>9} {:>5} {:>5} {:>9} {:>7} {:>9}"
PRODUCT = ["flux_dispatch", "workers", "config", "tests"]
PART = "faults"
"""The name of the generated process of a page that the table replaces."""


@dataclass
class Report:
    """What came of each fault so far."""

    seed: int
    verdicts: list[tuple[str, Verdict]] = field(default_factory=list)

    def opening(self) -> str:
        """Return the first lines: how to run the same again, and the heads of the columns."""
        return f"seed {self.seed}\n{LINE.format(*HEADS)}\n"

    def add(self, name: str, verdict: Verdict) -> str:
        """Note what came of a fault, and return its lines."""
        self.verdicts.append((name, verdict))
        broken = "".join(f"    ✗ {line}\n" for line in verdict.wrong[:10])
        return LINE.format(name, *_cells(verdict)) + "\n" + broken

    def closing(self) -> str:
        """Return the sum."""
        return f"{len(self.verdicts) - self.broken} of {len(self.verdicts)} faults kept every invariant\n"

    @property
    def broken(self) -> int:
        """How many faults broke an invariant."""
        return sum(bool(verdict.wrong) for _, verdict in self.verdicts)

    def write_markdown(self, page: Path) -> None:
        """Put the table between the page's marks, or make it the page if that does not exist.

        Raises:
            LookupError: the page has no marks.
        """
        table = self._markdown()
        page.write_text(renewed(page.read_text(), PART, table) if page.exists() else table + "\n")

    def _markdown(self) -> str:
        names = [HEADS[0], *HEADS[1:-1], "seconds to recover"]
        head = ["| " + " | ".join(names) + " |", "| --- |" + " ---: |" * (len(names) - 1)]
        rows = [
            "| " + " | ".join([name + (" **(broken)**" if verdict.wrong else ""), *_cells(verdict)]) + " |"
            for name, verdict in self.verdicts
        ]
        return "\n".join([*head, *rows, "", f"{self.closing().strip()}: {_where_and_when()}, seed {self.seed}."])


def _cells(verdict: Verdict) -> list[str]:
    counts = [verdict.acknowledged, verdict.delivered, verdict.told, verdict.lost, verdict.duplicate, verdict.unclear]
    return [*(f"{count:,}" for count in counts), f"{verdict.recovery_seconds:.1f}"]


def _where_and_when() -> str:
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = " with changes" if _git("status", "--porcelain", "--", *PRODUCT) else ""
    python = platform.python_version()
    return f"commit {commit}{changed}, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {python}"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=False, capture_output=True, text=True).stdout.strip()
