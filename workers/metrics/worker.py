"""What is told of a worker: its attempts, what it has in hand, and when it last did what it does again and again."""

import time
from collections.abc import Iterable

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.sweep import SweepAction
from flux_dispatch.engine.check_health import CheckHealth
from flux_dispatch.engine.deliver import Deliver
from flux_dispatch.engine.fail import Fail
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.sweep import Sweep
from workers.metrics.exporter import Measured, Source
from workers.steps import Steps


def of_deliveries(deliver: Deliver, settler: Settler) -> Source:
    """Tell of attempts, and of what waits for one here."""

    def tell() -> Iterable[Measured]:
        for (error, digit), count in settler.attempts.items():
            labels = str(error or "succeeded"), f"{digit}xx" if digit else "none"
            yield Measured("flux_attempts_total", count, labels)
        meter, load = deliver.meter, deliver.load
        yield Measured("flux_attempt_duration_seconds", meter.duration)
        yield Measured("flux_attempt_delay_seconds", meter.delay)
        yield Measured("flux_delivery_latency_seconds", meter.latency)
        yield Measured("flux_posts_not_begun_total", meter.not_begun)
        yield Measured("flux_posts_in_flight", load.in_flight)
        yield Measured("flux_claimed_deliveries", load.claimed)
        yield Measured("flux_unclaimed_deliveries", load.unclaimed_first_attempts, ("first_attempts",))
        yield Measured("flux_unclaimed_deliveries", load.unclaimed_retries, ("retries",))
        yield Measured("flux_saturated_webhooks", load.saturated_webhooks)

    return tell


def of_alerts(fail: Fail, health: CheckHealth) -> Source:
    """Tell what people were told of."""

    def tell() -> Iterable[Measured]:
        yield Measured("flux_alerts_total", fail.stored_alerts, (AlertKind.DELIVERY_FAILED.value,))
        for kind in (AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_DISABLED, AlertKind.WEBHOOK_RECOVERED):
            yield Measured("flux_alerts_total", health.told[kind], (kind.value,))

    return tell


def of_sweep(sweep: Sweep) -> Source:
    """Tell what the sweeper did."""
    return lambda: [
        Measured("flux_swept_deliveries_total", sweep.swept[action], (str(action),)) for action in SweepAction
    ]


def of_steps(steps: Steps) -> Source:
    """Tell when each step was last done, and how often it failed."""

    def tell() -> Iterable[Measured]:
        now = time.monotonic()
        for step, done_at in steps.done_at.copy().items():
            yield Measured("flux_step_age_seconds", max(now - done_at, 0.0), (step,))
            yield Measured("flux_step_failures_total", steps.failures[step], (step,))

    return tell
