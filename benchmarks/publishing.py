"""Publishing for a while from a process of its own, and how long each event took to arrive."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment, percentile
from benchmarks.seed import ENDPOINTS
from benchmarks.sinks import ReceivedRequest


@dataclass(frozen=True, slots=True)
class Published:
    """What a publisher reports: by event, when it left (unix seconds) and the number of the endpoint that wants it."""

    count: int
    refused: int
    seconds: float
    cpu: float
    sent_at: dict[str, float]
    endpoint: dict[str, int]

    def latencies_ms(self, arrivals: list[ReceivedRequest]) -> list[float]:
        """Return for each event that arrived, how many milliseconds after it was to leave the publisher."""
        first: dict[str, float] = {}
        for each in arrivals:
            first.setdefault(each.event, each.at)
        return [(first[event] - at) * 1000 for event, at in self.sent_at.items() if event in first]


class Publisher:
    """A publisher that is running."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def report(self) -> Published:
        """Wait until it has ended, and return what it says."""
        output, _ = self._process.communicate()
        report = cast(dict[str, Any], json.loads(output))
        lines = [line.split() for line in self._log.read_text().splitlines()]
        sent_at = {event: float(at) for at, event, _ in lines}
        endpoint = {event: int(number) for _, event, number in lines}
        return Published(report["published"], report["refused"], report["seconds"], report["cpu"], sent_at, endpoint)


@contextmanager
def publisher(environment: BenchEnvironment, key: str, seconds: float, *options: str) -> Iterator[Publisher]:
    """Start to publish; see benchmarks/load_generator.py for the options."""
    with tempfile.TemporaryDirectory(prefix="flux-load-") as directory:
        log = Path(directory) / "published"
        command = [
            sys.executable,
            "-m",
            "benchmarks.load_generator",
            environment.api_url,
            key,
            str(log),
            str(seconds),
            *options,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own script
            yield Publisher(process, log)


def publish(environment: BenchEnvironment, key: str, seconds: float, *options: str) -> Published:
    """Publish, and return when every event is answered."""
    with publisher(environment, key, seconds, *options) as running:
        return running.report()


def warm_up(bench: Bench, environment: BenchEnvironment, key: str, *, endpoints: int = ENDPOINTS) -> None:
    """Publish for a second, so that every part has its connections and its plans before something is measured.

    Only the first so many endpoints answer.
    """
    published = publish(environment, key, 1, "--rate", "100")
    bench.arrivals_of_events([event for event, number in published.endpoint.items() if number < endpoints])


def middle_round(rounds: list[dict[str, Any]], worse: str, usual: str) -> dict[str, Any]:
    """Return the round whose ratio of these two p99 is the median."""
    return sorted(rounds, key=lambda each: each[worse]["p99"] / each[usual]["p99"])[len(rounds) // 2]


def spread_ms(latencies: list[float]) -> dict[str, float]:
    """Return the percentiles that are published."""
    if not latencies:
        return {"p50": float("nan"), "p99": float("nan")}
    return {f"p{percent}": round(percentile(latencies, percent), 1) for percent in (50, 99)}
