"""What two choices of the engine buy: deliveries that share a message, and a client without a session."""

from typing import Any, Final

from celery import Celery

from benchmarks.bench import Bench
from benchmarks.figures.drain import settled_per_second
from benchmarks.seed import endpoints, store_events, subscribe
from config.celeryconfig import celery_settings

SIZES: Final = (1, 10, 200)


def measure(bench: Bench) -> dict[str, Any]:
    """Return deliveries a second by how many share a message, and POSTs a second by client."""
    rounds = bench.sizes.rounds
    clients = [
        {
            "session": bench.raw_per_second(bench.sizes.drained),
            "ours": bench.raw_per_second(bench.sizes.drained, ours=True),
        }
        for _ in range(rounds)
    ]
    drains = [{size: _drain(bench, size) for size in SIZES} for _ in range(rounds)]
    return {
        "drain_per_second_by_message_size": {str(size): [each[size] for each in drains] for size in SIZES},
        "posts_per_second_by_client": [{name: round(rate) for name, rate in each.items()} for each in clients],
    }


def _drain(bench: Bench, size: int) -> int:
    """Return how many deliveries a second one worker makes of messages of this size."""
    count = min(bench.sizes.drained, bench.sizes.textbook * size)
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        deliveries = store_events(environment, account, count)
        with Celery("bench") as app:
            app.config_from_object(celery_settings(environment.servers.redis_url))
            for start in range(0, count, size):
                app.send_task("flux.deliver", args=[deliveries[start : start + size]])
        environment.start_workers(1)
        return settled_per_second(bench, environment, deliveries)
