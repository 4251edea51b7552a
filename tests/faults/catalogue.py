"""Every fault, what is done for it, and what it may cost at most."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import endpoints, postgres, redis, workers
from tests.faults.ground import Ground


@dataclass(frozen=True)
class Fault:
    """A fault; `most_doubles` is what its guarantee allows, `is_quick` puts it into `make test`.

    `pause_seconds` between two events is long where a fault must meet one delivery alone.
    """

    name: str
    inflict: Callable[[Ground], None]
    most_doubles: int = 0
    is_quick: bool = False
    pause_seconds: float = 0.01


ALONE = 0.15
MANY = 100
"""Doubles of deliveries that were under way when their worker died; each of them at most once."""

FAULTS = [
    Fault("worker killed before the claim", workers.killed_at("before_claim", 10), pause_seconds=ALONE),
    Fault("worker killed after the claim", workers.killed_at("after_claim", 10), is_quick=True, pause_seconds=ALONE),
    Fault("worker killed while the request is answered", workers.killed_while_answered, 1, pause_seconds=ALONE),
    Fault("worker killed before the commit", workers.killed_at("after_answer", 10), 1, pause_seconds=ALONE),
    Fault("worker killed after the commit", workers.killed_at("after_commit", 10), pause_seconds=ALONE),
    Fault("worker killed under load", workers.killed_at("after_answer", 60), most_doubles=MANY, is_quick=True),
    Fault("20 rolling restarts", workers.restarted_in_turn),
    Fault("worker frozen beyond its lease", workers.frozen_beyond_the_lease, most_doubles=MANY),
    Fault("API killed before the commit", workers.api_killed_at("before_accept")),
    Fault("API killed after the commit", workers.api_killed_at("after_accept"), is_quick=True),
    Fault("Redis emptied, five times", redis.emptied, is_quick=True),
    Fault("Redis killed and restarted empty", redis.restarted_empty, is_quick=True),
    Fault("Redis down", redis.down, is_quick=True),
    Fault("Redis frozen", redis.frozen),
    Fault("Redis full", redis.full),
    Fault("every message three times, in random order", redis.tripled, is_quick=True),
    Fault("PostgreSQL restarted (immediate)", postgres.restarted, most_doubles=MANY, is_quick=True),
    Fault("a tenth of the endpoints hangs", endpoints.a_tenth_hangs),
    Fault("an endpoint back, 10,000 due", endpoints.back_with_10_000_due),
    Fault("tables locked", postgres.tables_locked),
    Fault("rows locked crosswise", postgres.rows_locked_crosswise),
    Fault("no connection to PostgreSQL free", postgres.connections_exhausted),
    Fault("a webhook's URL and secret changed", endpoints.changed),
    Fault("two clocks an hour off", workers.an_hour_off),
    Fault("a delivery that kills its worker", workers.poisoned, most_doubles=MANY),
    Fault("worker killed while Redis is emptied", workers.killed_while_redis_is_empty, most_doubles=MANY),
    Fault("PostgreSQL restarted, a worker frozen", postgres.restarted_while_a_worker_is_frozen, most_doubles=MANY),
]
