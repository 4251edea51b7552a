"""What an installation without work costs its servers: an API and one worker, counted a minute."""

import time
from typing import Any, cast

import redis

from benchmarks.bench import Bench
from benchmarks.stage import Stage


def measure(bench: Bench) -> dict[str, Any]:
    """Return Redis commands and transactions of PostgreSQL, each of one statement, a minute."""
    with bench.stage() as stage:
        stage.start_api()
        stage.start_workers(1)
        _let_pass(stage, bench.sizes.idle_seconds / 4)
        commands, statements, began = _commands(stage), _statements(stage), time.monotonic()
        _let_pass(stage, bench.sizes.idle_seconds)
        minutes = (time.monotonic() - began) / 60
        return {
            # less our own: two of Redis, and what asking PostgreSQL takes
            "redis_commands": round((_commands(stage) - commands - 2) / minutes),
            "sql_statements": round((_statements(stage) - statements - 2) / minutes),
        }


def _let_pass(stage: Stage, seconds: float) -> None:
    ends = time.monotonic() + seconds
    stage.wait(lambda: time.monotonic() >= ends, "time passes")


def _commands(stage: Stage) -> int:
    with redis.Redis.from_url(stage.servers.redis_url) as client:
        return int(cast(dict[str, Any], client.info("stats"))["total_commands_processed"])


def _statements(stage: Stage) -> int:
    """Return the transactions of the product's connections: each is one statement."""
    stage.ask("SELECT pg_stat_force_next_flush()")
    return int(stage.ask("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"))
