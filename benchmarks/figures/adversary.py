"""What an account that knows the rules can do to another that publishes a little, by several patterns."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.publishing import publish, spread_ms, warm_up
from benchmarks.seed import endpoints, subscribe, type_of
from benchmarks.servers import process
from benchmarks.sinks import FAILING, tarpit
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id

RATE: Final = 20
HEAD_START: Final = timedelta(seconds=1)
"""How long the adversary is at it before the other account publishes."""

RETRIES: Final = "1,2,2,2"
"""Seconds: short, so that what fails comes back while one looks."""

_IS_SERVED: Final = "SELECT NOT EXISTS (SELECT FROM deliveries WHERE account_id = $1::uuid AND sweep_at IS NOT NULL)"
_HOW_MANY: Final = "SELECT count(*) FROM deliveries WHERE account_id = $1::uuid"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How an adversary publishes: see benchmarks/adversary.py for the options; `at` is where its webhooks are."""

    webhooks: int
    options: Sequence[str] = ()
    at: str = "sink"


PATTERNS: Final = {
    "one connection, 15 webhooks": Pattern(15),
    "64 connections, one webhook": Pattern(1, ("--connections", "64")),
    "one connection, 300 webhooks": Pattern(300),
    "bursts of 49 deliveries": Pattern(49, ("--pause-seconds", "0.05")),
    "0.9 s of all it can, 0.9 s of rest": Pattern(
        15, ("--connections", "16", "--burst-seconds", "0.9", "--pause-seconds", "0.9")
    ),
    "15 webhooks that answer 500 at once": Pattern(15, at="failing"),
    "15 webhooks that hang": Pattern(15, at="tarpit"),
}


def measure(bench: Bench) -> dict[str, Any]:
    """Return the quiet account's latencies, alone and beside each pattern, round by round."""
    with tarpit() as pit:
        places = {"sink": f"{bench.sink.url}/adversary", "failing": f"{bench.sink.url}{FAILING}", "tarpit": pit}
        rounds = [
            {
                "alone": _beside(bench, places, None),
                "beside": {name: _beside(bench, places, pattern) for name, pattern in PATTERNS.items()},
            }
            for _ in range(bench.sizes.rounds)
        ]
    return {"rounds": rounds}


def _beside(bench: Bench, places: dict[str, str], pattern: Pattern | None) -> dict[str, Any]:
    """Measure the quiet account on a fresh environment, whose other account follows the pattern, if there is one."""
    with bench.environment() as environment:
        adversary = subscribe(environment, endpoints(places[pattern.at], pattern.webhooks) if pattern else [])
        environment.ask("UPDATE webhooks SET events = ARRAY[$1]", type_of(0))
        quiet = subscribe(environment, endpoints(bench.sink.url))
        key = environment.key_of(quiet)
        environment.start_api()
        environment.start_workers(1, FLUX_RETRY_DELAYS=RETRIES)
        warm_up(bench, environment, key)
        with _at_it(environment, adversary, pattern):
            before, began = environment.cpu(), time.monotonic()
            published = publish(environment, key, bench.sizes.adversary_seconds, "--rate", str(RATE))
            used, seconds = environment.cpu() - before, time.monotonic() - began
        environment.wait(partial(environment.ask, _IS_SERVED, _uuid(quiet)), "the quiet account is served")
        made = int(environment.ask(_HOW_MANY, _uuid(adversary)))
        environment.kill_workers()
    # the rest of what the adversary has made is not waited for: what it is owed is not what is measured
    arrivals = bench.arrivals_of_events_among_others(published.sent_at)
    return {
        **spread_ms(published.latencies_ms(arrivals)),
        "refused": published.refused,
        "adversary_deliveries": made,
        "cores_used": round(used.total() / seconds, 2),
    }


@contextmanager
def _at_it(environment: BenchEnvironment, adversary: AccountId, pattern: Pattern | None) -> Iterator[None]:
    """Have the adversary publish for the time of the block."""
    with ExitStack() as running:
        if pattern:
            command = [sys.executable, "-m", "benchmarks.adversary", environment.api_url, environment.key_of(adversary)]
            running.enter_context(process([*command, *pattern.options], environment.servers.environment()))
            ends = time.monotonic() + HEAD_START.total_seconds()
            environment.wait(lambda: time.monotonic() >= ends, "the adversary is at it")
        yield


def _uuid(account: AccountId) -> str:
    return parse_id(Prefix.ACCOUNT, account)
