"""Every fault, what is done for it, and what it may cost at most."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import alerts, endpoints, postgres, redis, workers
from tests.faults.checker import Tolerance
from tests.faults.testbed import OUTAGE_SECONDS, Conditions, Testbed

NOTHING = Tolerance()


@dataclass(frozen=True)
class Fault:
    """A fault; `allowed` is what its guarantee allows, `is_quick` puts it into `make test`.

    `is_alone` where a fault must meet one delivery and no other. `pause_seconds` lie between two events.
    """

    name: str
    inflict: Callable[[Testbed], None]
    allowed: Tolerance = NOTHING
    is_quick: bool = False
    is_alone: bool = False
    pause_seconds: float = 0.01
    outage_seconds: float = OUTAGE_SECONDS

    def circumstances(self, seed: int) -> Conditions:
        """Return what it is tried under; the same fault meets the same chances, whichever others run before it."""
        return Conditions(f"{seed} {self.name}", self.pause_seconds, self.is_alone, self.outage_seconds)


ONE = Tolerance(duplicates=1, deaths=1)
UNDER_LOAD = Tolerance(duplicates=100, deaths=1)
"""Each delivery that was in flight when its worker died may come twice; how many that are is left to chance."""
TWO_UNDER_LOAD = Tolerance(duplicates=100, deaths=2)
POISON = Tolerance(duplicates=100, deaths=5)
"""The poison's own four, and the test's last: whoever shares a worker with it may meet each of them."""
AT_EACH_STEP = Tolerance(duplicates=100, deaths=1 + len(alerts.STEPS))
MAIL_TWICE = Tolerance(duplicates=3, deaths=1, repeated=1)
"""A mail that was taken, and nobody could write that down, comes again. Three deliveries may be in flight: one of the
publisher, which waits for it, and two of our own, which tell of the failure and of the webhook that is disabled."""
MAIL_TWICE_UNDER_LOAD = Tolerance(duplicates=100, deaths=1, repeated=1)
SECONDS = 3.0
"""An outage that is short enough for `make test`, and long enough for whoever asks to be refused more than once."""

FAULTS = [
    Fault("none", workers.none, is_quick=True, pause_seconds=0.03),
    Fault("worker killed before the claim", workers.killed_at("before_claim", 10), is_alone=True),
    Fault("worker killed after the claim", workers.killed_at("after_claim", 10), is_quick=True, is_alone=True),
    Fault("worker killed while the request is answered", workers.killed_while_answered, ONE, is_alone=True),
    Fault("worker killed before the commit", workers.killed_at("after_answer", 10), ONE, is_alone=True),
    Fault("worker killed after the commit", workers.killed_at("after_commit", 10), is_alone=True),
    Fault("worker killed under load", workers.killed_under_load, UNDER_LOAD, is_quick=True),
    Fault("20 rolling restarts", workers.restarted_in_turn),
    Fault("worker frozen beyond its lease", workers.frozen_beyond_the_lease, UNDER_LOAD),
    Fault("API killed before the commit", workers.api_killed_at("before_publish")),
    Fault("API killed after the commit", workers.api_killed_at("after_publish"), is_quick=True),
    Fault("Redis emptied, five times", redis.emptied, is_quick=True),
    Fault("Redis killed and restarted empty", redis.restarted_empty, is_quick=True),
    Fault("Redis down for seconds", redis.down, is_quick=True, outage_seconds=SECONDS),
    Fault("Redis down for a minute", redis.down, outage_seconds=60),
    Fault("Redis frozen", redis.frozen),
    Fault("Redis full", redis.full),
    Fault("Redis full while events are published through it", redis.full_of_publications, is_quick=True),
    Fault("malformed messages among good ones", redis.malformed_publications, is_quick=True),
    Fault("Redis read-only for seconds", redis.read_only, outage_seconds=SECONDS),
    Fault("every message three times more, in any order", redis.tripled, is_quick=True, outage_seconds=SECONDS),
    Fault("PostgreSQL restarted (immediate)", postgres.restarted, UNDER_LOAD, is_quick=True),
    Fault("PostgreSQL vanishes without a word", postgres.vanished),
    Fault("PostgreSQL read-only for seconds", postgres.read_only, is_quick=True, outage_seconds=SECONDS),
    Fault("no connection to PostgreSQL free", postgres.connections_exhausted),
    Fault("tables locked", postgres.tables_locked),
    Fault("locks time out", postgres.lock_timed_out),
    Fault("rows locked crosswise (deadlocks)", postgres.rows_locked_crosswise),
    Fault("a tenth of the endpoints hangs", endpoints.a_tenth_hangs),
    Fault("an endpoint hangs, 5,000 waiting", endpoints.hangs_with_5_000_waiting),
    Fault("worker killed beside another's backlog", endpoints.worker_killed_beside_a_backlog, UNDER_LOAD),
    Fault("an endpoint back, 10,000 due", endpoints.back_with_10_000_due),
    Fault("a delivery that kills its worker", workers.poisoned, POISON),
    Fault("a webhook's URL and secret changed", endpoints.changed),
    Fault("a webhook disabled while retries wait", endpoints.disabled),
    Fault("a webhook deleted while retries wait", endpoints.deleted),
    Fault("two clocks an hour off", workers.an_hour_off),
    Fault("worker killed at each step of an alert", alerts.killed_at_each_step, AT_EACH_STEP, is_alone=True),
    Fault(
        "worker killed when a mail was taken",
        alerts.killed_when_a_mail_was_taken,
        MAIL_TWICE,
        is_quick=True,
        is_alone=True,
    ),
    Fault("mail server hangs", alerts.mail_server_hangs, pause_seconds=0.03),
    Fault("alert channel answers 500", alerts.channel_answers_500, pause_seconds=0.03),
    Fault("Redis emptied while failures are to be told", alerts.redis_emptied),
    Fault("PostgreSQL killed while a mail is sent", alerts.postgres_killed_while_a_mail_is_sent, MAIL_TWICE_UNDER_LOAD),
    Fault("worker killed while Redis is emptied", workers.killed_while_redis_is_empty, UNDER_LOAD),
    Fault("PostgreSQL restarted, a worker frozen", postgres.restarted_while_a_worker_is_frozen, TWO_UNDER_LOAD),
]
