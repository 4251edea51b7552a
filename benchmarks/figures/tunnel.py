"""How long what is sent to listen sessions takes through the tunnel and back, by two processes of the API."""

import json
import subprocess
import sys
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.seed import subscribe

SESSIONS: Final = 50
RATE: Final = 20
"""Requests a second to each session."""


def measure(bench: Bench) -> dict[str, Any]:
    """Return in each round the milliseconds until answers are there: alone, and beside a session that hangs."""
    with bench.environment() as environment:
        key = environment.key_of(subscribe(environment, []))
        apis = []
        for _ in range(2):
            environment.start_api(FLUX_LISTEN_SESSIONS_PER_ACCOUNT="1000")
            apis.append(environment.api_url)
        rounds = [
            {
                "alone": _through(environment, key, apis, bench.sizes.tunnel_seconds),
                "beside_hanging": _through(environment, key, apis, bench.sizes.tunnel_seconds, "--hanging"),
            }
            for _ in range(bench.sizes.rounds)
        ]
    return {"sessions": SESSIONS, "per_second": SESSIONS * RATE, "rounds": rounds}


def _through(environment: BenchEnvironment, key: str, apis: list[str], seconds: float, *options: str) -> dict[str, Any]:
    given = [key, str(seconds), *apis, "--sessions", str(SESSIONS), "--rate", str(RATE), *options]
    command = [sys.executable, "-m", "benchmarks.tunnel_load", *given]
    report: dict[str, Any] = json.loads(subprocess.check_output(command))  # noqa: S603 - our own script
    environment.ask("UPDATE listen_sessions SET ended_at = now(), ended_reason = 'deleted'")
    return report
