"""What endpoints that never answer cost those that do: throughput of a backlog, and latency of single events."""

from statistics import median
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.publishing import middle_round, publish, spread_ms, warm_up
from benchmarks.seed import ENDPOINTS, endpoints, store_events, subscribe
from benchmarks.sinks import tarpit

HANGING: Final = ENDPOINTS // 10
RATE: Final = 200


def measure(bench: Bench) -> dict[str, Any]:
    """Return figures of the healthy endpoints with a tenth hanging, and with none."""
    with tarpit() as pit:
        hanging = endpoints(bench.sink.url, ENDPOINTS - HANGING) + endpoints(pit, HANGING)
        healthy = endpoints(bench.sink.url)
        rounds = [
            {
                "none": round(_throughput(bench, healthy, hang=False)),
                "hanging": round(_throughput(bench, hanging, hang=True)),
            }
            for _ in range(bench.sizes.rounds)
        ]
        latencies = [
            {"none": _latency(bench, healthy, hang=False), "hanging": _latency(bench, hanging, hang=True)}
            for _ in range(bench.sizes.rounds)
        ]
    return {
        "healthy_per_second": rounds,
        "throughput_ratio": round(median(each["hanging"] / each["none"] for each in rounds), 3),
        "latency_ms": middle_round(latencies, "hanging", "none"),
        "latency_rounds": latencies,
    }


def _throughput(bench: Bench, urls: list[str], *, hang: bool) -> float:
    """Return how many deliveries a second the first nine tenths of the endpoints get out of a common backlog."""
    with bench.environment() as environment:
        account = subscribe(environment, urls)
        deliveries = store_events(environment, account, bench.sizes.isolation)
        environment.enqueue(deliveries, account)
        healthy = [each for number, each in enumerate(deliveries) if number % ENDPOINTS < ENDPOINTS - HANGING]
        others = [each for number, each in enumerate(deliveries) if number % ENDPOINTS >= ENDPOINTS - HANGING]
        environment.start_workers(1)
        environment.wait_until_delivered(healthy)
        if not hang:
            environment.wait_until_drained()
        environment.kill_workers()
        arrivals = bench.arrivals_of_deliveries(healthy + ([] if hang else others))
        ours = set(healthy)
        times = [each.at for each in arrivals if each.delivery in ours]
        return len(healthy) / (max(times) - min(times))


def _latency(bench: Bench, urls: list[str], *, hang: bool) -> dict[str, float]:
    with bench.environment() as environment:
        key = environment.key_of(subscribe(environment, urls))
        environment.start_api()
        environment.start_workers(1)
        warm_up(bench, environment, key, endpoints=ENDPOINTS - HANGING if hang else ENDPOINTS)
        published = publish(environment, key, bench.sizes.latency_seconds, "--rate", str(RATE))
        environment.kill_workers()
        healthy = [event for event, number in published.endpoint.items() if number < ENDPOINTS - HANGING]
        others = [event for event in published.endpoint if event not in set(healthy)]
        arrivals = bench.arrivals_of_events(healthy + ([] if hang else others))
        ours = set(healthy)
        return spread_ms(published.latencies_ms([each for each in arrivals if each.event in ours]))
