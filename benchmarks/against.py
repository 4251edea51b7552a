"""Whether this tree is slower than another of its commits: each figure in turn with the code of both.

    python -m benchmarks.against REF [--times 5] [FIGURE …]

Each tree runs its own quick programme, with the same packages, which must serve both. Each time the order changes; a
figure is worse, or not, by the rule of benchmarks/verdict.py over the pairs. The exit status is 1 when one is worse.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.goals import GOALS
from benchmarks.verdict import Verdict, judge

HERE: Final = Path(__file__).parents[1]
USUAL: Final = ("drain", "end_to_end", "latency")
WORSE_FROM: Final = 1.03
WORDS: Final = {
    Verdict.REACHED: "not worse",
    Verdict.MISSED: f"worse by more than {WORSE_FROM - 1:.0%}",
    Verdict.CANNOT_TELL: "cannot tell",
}
_FIGURE: Final = re.compile(r"^(\w+): (\{.*\})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Compared:
    """A number to compare: how its rounds are read out of what a figure returns, and which way is better."""

    name: str
    figure: str
    rounds: Callable[[Any], Sequence[float]]
    more_is_better: bool

    def ratios(self, pairs: Sequence[tuple[Any, Any]]) -> list[float]:
        """Return new ÷ old for each pair of what (old, new) returned; none of pairs that one side does not know."""
        ratios = []
        for old, new in pairs:
            with suppress(KeyError, TypeError, IndexError, ZeroDivisionError):
                ratios.append(median(self.rounds(new)) / median(self.rounds(old)))
        return ratios

    def verdict(self, ratios: Sequence[float]) -> Verdict:
        """Say whether new is worse."""
        return judge([1 / each if self.more_is_better else each for each in ratios], at_most=WORSE_FROM)


COMPARED: Final = (
    Compared("drain, deliveries/s", "drain", lambda figure: figure["per_second"]["drain"], more_is_better=True),
    Compared(
        "the same, all cores", "drain", lambda figure: figure["per_second"]["drain_all_cores"], more_is_better=True
    ),
    Compared(
        "CPU of a delivery, µs",
        "drain",
        lambda figure: [sum(each.values()) for each in figure["cpu_microseconds_per_delivery"]],
        more_is_better=False,
    ),
    Compared(
        "end to end, events/s",
        "end_to_end",
        lambda figure: [each["events_per_second"] for each in figure["rounds"]],
        more_is_better=True,
    ),
    Compared(
        "CPU of an event, µs",
        "end_to_end",
        lambda figure: [sum(each["cpu_microseconds_per_event"].values()) for each in figure["rounds"]],
        more_is_better=False,
    ),
    *(Compared(each.name, each.figure, each.rounds, each.at_least is not None) for each in GOALS),
)


def figures_in(output: str) -> dict[str, Any]:
    """Return the figures that a run has printed."""
    figures = {}
    for name, figure in _FIGURE.findall(output):
        with suppress(ValueError):  # a figure that is no number cannot be compared
            figures[name] = ast.literal_eval(figure)
    return figures


def main() -> int:
    """Measure both in turn, print the comparison, and return the exit code."""
    options = _options()
    is_worse = False
    with _tree_of(options.ref) as other:
        for name in options.figures:
            pairs = [_pair(other, name, other_first=number % 2 == 0) for number in range(options.times)]
            is_worse |= _show(name, pairs)
    return 1 if is_worse else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against", description=__doc__ and __doc__.splitlines()[0]
    )
    parser.add_argument("ref", help="a commit, tag or branch to compare with")
    parser.add_argument("--times", type=int, default=5, help="how often each figure is measured with each tree")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"usually {', '.join(USUAL)}")
    options = parser.parse_intermixed_args()
    options.figures = options.figures or list(USUAL)
    return options


@contextmanager
def _tree_of(ref: str) -> Iterator[Path]:
    """Check out a commit for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="flux-against-") as directory:
        tree = Path(directory) / "tree"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), ref], check=True)  # noqa: S603 - the caller's ref
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)  # noqa: S603 - what was added


def _pair(other: Path, name: str, *, other_first: bool) -> tuple[Any, Any]:
    """Return what a figure is with the other tree and with this one; None where it is not known."""
    trees = (other, HERE) if other_first else (HERE, other)
    measured: Mapping[Path, Any] = {tree: _measure(tree, name) for tree in trees}
    return measured[other], measured[HERE]


def _measure(tree: Path, name: str) -> Any:  # noqa: ANN401 - what the figure returns
    command = [sys.executable, "-m", "benchmarks", "--quick", name]
    environment = dict(os.environ) | {"PYTHONPATH": str(tree)}
    ended = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if ended.returncode:
        sys.stdout.write(f"{name} of {tree} ended with {ended.returncode}\n")
    return figures_in(ended.stdout).get(name)


def _show(name: str, pairs: Sequence[tuple[Any, Any]]) -> bool:
    """Print how one figure compares, and return whether anything of it is worse."""
    is_worse = False
    for each in COMPARED:
        if each.figure == name and (ratios := each.ratios(pairs)):
            verdict = each.verdict(ratios)
            is_worse |= verdict is Verdict.MISSED
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            sys.stdout.write(f"{each.name:<26} new ÷ old {median(ratios):.3f}  ({spread})  {WORDS[verdict]}\n")
    sys.stdout.flush()
    return is_worse


if __name__ == "__main__":
    sys.exit(main())
