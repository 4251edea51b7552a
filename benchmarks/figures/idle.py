"""What an installation without work costs its servers: an API and one worker, counted a minute."""

import time
from typing import Any, cast

import redis

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment


def measure(bench: Bench) -> dict[str, Any]:
    """Return Redis commands and transactions of PostgreSQL, each of one statement, a minute."""
    with bench.environment() as environment:
        environment.start_api()
        environment.start_workers(1)
        _let_pass(environment, bench.sizes.idle_seconds / 4)
        commands, statements, began = _commands(environment), _statements(environment), time.monotonic()
        _let_pass(environment, bench.sizes.idle_seconds)
        minutes = (time.monotonic() - began) / 60
        return {
            # less our own: two of Redis, and what asking PostgreSQL takes
            "redis_commands": round((_commands(environment) - commands - 2) / minutes),
            "sql_statements": round((_statements(environment) - statements - 2) / minutes),
        }


def _let_pass(environment: BenchEnvironment, seconds: float) -> None:
    ends = time.monotonic() + seconds
    environment.wait(lambda: time.monotonic() >= ends, "time passes")


def _commands(environment: BenchEnvironment) -> int:
    with redis.Redis.from_url(environment.servers.redis_url) as client:
        return int(cast(dict[str, Any], client.info("stats"))["total_commands_processed"])


def _statements(environment: BenchEnvironment) -> int:
    """Return the transactions of the product's connections: each is one statement."""
    environment.ask("SELECT pg_stat_force_next_flush()")
    return int(
        environment.ask("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    )
