"""Measures what Flux Dispatch does on this machine, its competitors in turn within the same run.

    python -m benchmarks [--quick] [FIGURE …]

Everything runs here: PostgreSQL (fsync on), Redis, the sink, the publisher. The exit status is 1 when an event was lost
or duplicate. A run of all figures, or with --write of some, is written to benchmarks/results/.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.figures import (
    adversary,
    alert_storm,
    choices,
    drain,
    end_to_end,
    fairness,
    idle,
    isolation,
    latency,
    memory,
    metrics,
    outage,
    pages,
    parked,
    scale,
    storage,
    tunnel,
)
from benchmarks.goals import rounds_of
from benchmarks.results import show, write
from benchmarks.servers import servers
from benchmarks.sinks import sink
from benchmarks.sizes import FULL, QUICK

FIGURES: Final[dict[str, Callable[[Bench], dict[str, Any]]]] = {
    "drain": drain.measure,
    "end_to_end": end_to_end.measure,
    "latency": latency.measure,
    "isolation": isolation.measure,
    "parked": parked.measure,
    "outage": outage.measure,
    "fairness": fairness.measure,
    "adversary": adversary.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "storage": storage.measure,
    "scale": scale.measure,
    "pages": pages.measure,
    "tunnel": tunnel.measure,
    "metrics": metrics.measure,
    "alert_storm": alert_storm.measure,
    "choices": choices.measure,
}


def main() -> int:
    """Measure, print, and write the result."""
    options = _options()
    began = time.monotonic()
    figures: dict[str, Any] = {}
    with servers() as running, sink() as receiving:
        bench = Bench(running, receiving, QUICK if options.quick else FULL)
        sys.stdout.write(f"sink: {receiving.name}\n")
        for number, name in enumerate(options.figures, 1):
            _say(f"[{number}/{len(options.figures)}] {name} … {time.monotonic() - began:.0f} s")
            figures[name] = FIGURES[name](bench)
            _say(f"{name}: {figures[name]}", ends=True)
        figures["account"] = {"lost": bench.lost, "duplicate": bench.duplicate}
    show(rounds_of(figures))
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    if options.write or len(options.figures) == len(FIGURES):
        about = {"quick": options.quick, "sink": bench.sink.name, "seconds": round(time.monotonic() - began)}
        sys.stdout.write(f"{write(figures, about)}\n")
    return 1 if bench.lost or bench.duplicate else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__ and __doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller: about a quarter of the time")
    parser.add_argument("--write", action="store_true", help="write the result also of a run of some figures only")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"only these of {', '.join(FIGURES)}")
    options = parser.parse_args()
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error(f"{unknown.pop()} is not a figure. There are: {', '.join(FIGURES)}.")
    options.figures = options.figures or list(FIGURES)
    return options


def _say(words: str, *, ends: bool = False) -> None:
    """Show progress: on a terminal the line of a figure that is measured is replaced by its result."""
    if ends:
        sys.stdout.write(f"\r\033[K{words}\n" if sys.stdout.isatty() else f"{words}\n")
    elif sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{words}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
