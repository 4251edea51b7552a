"""What every figure is measured with: the servers, the sink, the sizes, and the account of what arrived."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from benchmarks.environment import BenchEnvironment, bench_environment
from benchmarks.servers import Servers
from benchmarks.sinks import ReceivedRequest, Sink
from benchmarks.sizes import Sizes

RAW_CONCURRENCY: Final = 200
"""POSTs that the raw client has in flight: tried from 50 to 1000, none is quicker."""


@dataclass
class Bench:
    """One run of the programme; `lost` and `duplicate` count over all figures."""

    servers: Servers
    sink: Sink
    sizes: Sizes
    lost: int = 0
    duplicate: int = 0

    def environment(self) -> AbstractContextManager[BenchEnvironment]:
        """Prepare a fresh installation."""
        return bench_environment(self.servers)

    def raw_per_second(self, count: int, *, ours: bool = False) -> float:
        """Return how many POSTs a second a bare client sends, signed, storing nothing: aiohttp's session, or ours."""
        command = [sys.executable, "-m", "benchmarks.http_baseline", self.sink.url, str(count), str(RAW_CONCURRENCY)]
        command += ["--ours"] if ours else []
        report = json.loads(subprocess.check_output(command))  # noqa: S603 - our own script
        self.arrivals_of_deliveries([f"dlv_{number:032x}" for number in range(count)])
        return float(count / report["seconds"])

    def arrivals_of_deliveries(self, deliveries: Sequence[str]) -> list[ReceivedRequest]:
        """Return what arrived since the last call, having held it against the deliveries that were owed."""
        arrivals = self.sink.arrivals(len(deliveries))
        self._reconcile(deliveries, [each.delivery for each in arrivals])
        return arrivals

    def arrivals_of_events(self, events: Collection[str]) -> list[ReceivedRequest]:
        """Return what arrived since the last call, having held it against the events, each owed to one endpoint."""
        arrivals = self.sink.arrivals(len(events))
        self._reconcile(events, [each.event for each in arrivals])
        return arrivals

    def arrivals_of_events_among_others(self, events: Collection[str]) -> list[ReceivedRequest]:
        """Return what arrived of these events, each owed to one endpoint, all of which were settled.

        Others may have arrived, too: of them no delivery may have come twice.
        """
        arrivals = self.sink.arrivals(len(events))
        self.lost += len(set(events) - {each.event for each in arrivals})
        self.duplicate += len(arrivals) - len({each.delivery for each in arrivals})
        return arrivals

    def _reconcile(self, owed: Collection[str], arrived: Sequence[str]) -> None:
        counted = Counter(arrived)
        self.lost += len(set(owed) - set(counted))
        self.duplicate += sum(counted.values()) - len(counted)
