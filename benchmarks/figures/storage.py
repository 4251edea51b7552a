"""How many bytes of the database a delivered event takes, its payload of 1 kB among them."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.seed import endpoints, store_events, subscribe

PADDED: Final[dict[str, object]] = {"order": "ord_8f14e45f", "note": "x" * 860}
"""With id, type and time the body has 1 kB."""

_SIZE: Final = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = ANY($1::text[])"
_TABLES: Final = ("events", "deliveries", "attempts")


def measure(bench: Bench) -> dict[str, Any]:
    """Return bytes for each event, after delivery and an ordinary VACUUM, by table."""
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        before = {each: int(environment.ask(_SIZE, [each])) for each in _TABLES}
        deliveries = store_events(environment, account, bench.sizes.stored, PADDED)
        environment.enqueue(deliveries, account)
        environment.start_workers(1)
        environment.wait_until_drained()
        bench.arrivals_of_deliveries(deliveries)
        for each in _TABLES:
            environment.ask(f"VACUUM {each}")
        size = {each: (int(environment.ask(_SIZE, [each])) - before[each]) / bench.sizes.stored for each in _TABLES}
        body = float(environment.ask("SELECT avg(length(body)) FROM events"))
    return {
        "body_bytes": round(body),
        "by_table": {each: round(value) for each, value in size.items()},
        "bytes_per_event": round(sum(size.values())),
    }
