"""What an outage comes to for whoever is told of it: very many failures in ten minutes, in few messages, none left out.

Time goes ten times as fast: what is ten minutes by the usual settings is one here.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.seed import endpoints, park, subscribe
from benchmarks.sinks import FAILING

WEBHOOKS: Final = 15
STORM: Final = timedelta(minutes=1)
PACE: Final = {
    "FLUX_ALERT_GATHER_SECONDS": "1",
    # the usual ones grow after the first: this is more often
    "FLUX_ALERT_WINDOWS": "30",
    "FLUX_ALERT_SPACING_SECONDS": "18",
    "FLUX_ALERT_FAILING_SECONDS": "60",
}
_HEAD_START: Final = timedelta(seconds=5)
_PATIENCE_SECONDS: Final = 180
_COUNTED: Final = re.compile(r"^([\d,]+) deliveries failed|^(It was given up) at ", re.MULTILINE)


def measure(bench: Bench) -> dict[str, Any]:
    """Return how many deliveries failed for the last time, in how many messages that was told, and what was not."""
    with bench.environment() as environment, _channel() as channel:
        subscribe(environment, endpoints(f"{bench.sink.url}{FAILING}", WEBHOOKS))
        # one retry: it is the last attempt of what waits for its second
        environment.start_workers(2, FLUX_ALERT_URLS=channel.url, FLUX_RETRY_DELAYS="1", **PACE)
        before, began = environment.cpu(), time.monotonic()
        park(environment, bench.sizes.failures, after=_HEAD_START, spread=STORM - _HEAD_START)
        environment.wait_until_drained()
        failed_within = time.monotonic() - began
        cost = environment.cost_since(before, bench.sizes.failures)
        failures = int(environment.ask("SELECT count(*) FROM alerts"))
        ends = time.monotonic() + _PATIENCE_SECONDS
        environment.wait(lambda: channel.told >= failures or time.monotonic() > ends, "every failure is told")
        first = min(channel.at, default=began)
        return {
            "failures": failures,
            "seconds": round(failed_within, 1),
            "messages": sum(at < first + STORM.total_seconds() for at in channel.at),
            "messages_until_all_was_told": len(channel.at),
            "untold": abs(failures - channel.told),
            "cpu_microseconds_per_failure": cost,
        }


@dataclass
class _Channel:
    """An alert channel that counts: `at` are the monotonic seconds of its messages, `told` the failures in them."""

    url: str
    at: list[float]
    told: int = 0


@contextmanager
def _channel() -> Iterator[_Channel]:
    class TakeMessage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            channel.told += sum(int(many.replace(",", "") or 1) for many, _ in _COUNTED.findall(message["message"]))
            channel.at.append(time.monotonic())
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as it is inherited
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), TakeMessage) as server:
        channel = _Channel(f"json://127.0.0.1:{server.server_port}", [])
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield channel
        finally:
            server.shutdown()
