"""Every metric of ours: its name, kind, labels and meaning; a new metric is one line here, and what measures it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What Prometheus calls the kinds."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; no label ever names a customer, so there are as many series tomorrow as today."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, labels, meaning)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, labels, meaning)


def _histogram(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, labels, meaning)


OF_WORKERS: Final = (
    _counter("flux_attempts_total", "Attempts that were written down, by how they went: `succeeded` or an error class, "
             "and the class of the receiver's status (`2xx`; `none` where no answer came).", "outcome", "status"),
    _histogram("flux_attempt_duration_seconds", "How long one POST took, from connecting to the last byte read."),
    _histogram("flux_attempt_delay_seconds", "How late a POST began, counted from when it was due: what the engine "
               "itself adds."),
    _histogram("flux_delivery_latency_seconds", "From the moment a delivery was stored to its answer with success, "
               "retries and their delays included; recovered ones and tests are left out."),
    _counter("flux_posts_not_begun_total", "POSTs that were given back for want of sockets, ports, routes or name "
             "servers on this machine; they spend no attempt."),
    _counter("flux_alerts_total", "Alerts: deliveries that failed for good, and webhooks that fail, were disabled or "
             "recovered.", "kind"),
    _counter("flux_swept_deliveries_total", "Deliveries that the sweeper went over, by what it did: `rescued` and "
             "`worker_lost` are what dead workers left behind.", "action"),
    _gauge("flux_posts_in_flight", "POSTs that wait for their answers in this process."),
    _gauge("flux_claimed_deliveries", "Deliveries that this process has leased, those in flight among them."),
    _gauge("flux_unclaimed_deliveries", "Deliveries that messages have named to this process, and that wait in its "
           "memory for their turn.", "lane"),
    _gauge("flux_saturated_webhooks", "Webhooks whose places for POSTs are all taken in this process."),
    _gauge("flux_step_age_seconds", "How long ago each of what a worker does again and again was last done: `sweep`, "
           "`relay` and the others.", "step"),
    _counter("flux_step_failures_total", "How often such a step failed, the database's outages included.", "step"),
)  # fmt: skip
"""What each worker tells of itself."""

OF_API: Final = (
    _counter("flux_api_requests_total", "Requests by route, method and class of the answer's status; `unmatched` is "
             "the route of what has none.", "route", "method", "status"),
    _histogram("flux_api_request_duration_seconds", "How long a request took until its answer was there; pages that "
               "stay open are left out.", "route", "method"),
    _gauge("flux_api_requests_in_flight", "Requests that are being served, pages that stay open among them."),
    _gauge("flux_tunnel_connections", "Commands that listen through this process (`flux listen`)."),
    _gauge("flux_database_up", "1 where the database that events are stored in answers this process, else 0."),
    _gauge("flux_broker_up", "1 where Redis takes messages of this process now, else 0."),
)  # fmt: skip
"""What each API process tells of itself."""

OF_INSTALLATION: Final = (
    _gauge("flux_deliveries", "Deliveries that are open, by state; at most 100,000 are counted.", "state"),
    _gauge("flux_deliveries_uncounted", "1 where more are open than were counted, else 0."),
    _gauge("flux_oldest_due_seconds", "For how long the delivery that waits longest has been due; 0 when none is."),
    _gauge("flux_parked_deliveries", "Deliveries that are due and wait for a place of their webhook; at most 10,000 "
           "are counted."),
    _gauge("flux_outbox_events", "Events in the outbox: `waiting` for the relay, or `refused` and kept; at most 10,000 "
           "of each are counted.", "status"),
    _gauge("flux_outbox_oldest_seconds", "For how long the event has waited that was written to the outbox first."),
    _gauge("flux_operator_channels_failing", "Channels of `FLUX_ALERT_URLS` whose last message has not arrived."),
    _gauge("flux_queue_messages", "Messages that wait in each queue.", "queue"),
    _gauge("flux_queue_unacknowledged_messages", "Messages that workers have taken and not ended."),
    _gauge("flux_workers", "Workers that answered when all were asked."),
    _gauge("flux_schema_version", "The number of the schema's newest migration."),
    _gauge("flux_snapshot_age_seconds", "How old the oldest of these figures of the whole installation is."),
)  # fmt: skip
"""What the API processes tell of the whole installation: each the same, so take the `max` of them."""

OF_EACH: Final = (
    _counter("flux_events_accepted_total", "Events that were stored, by the way they came: `api`, `celery`, `outbox` "
             "or `test`; those that were known already do not count.", "source"),
    _counter("flux_queue_sends_total", "Messages to a queue that were `sent`, or `not_sent` because the broker is "
             "unavailable: what they name is found in the database.", "queue", "result"),
    _counter("flux_notifications_total", "Attempts to send a message to an alert channel: `sent`, or `not_sent` and "
             "tried again; API processes send to operators only.", "result"),
    _gauge("flux_database_connections", "Connections to the database, by pool: `in_use`, or `idle`.", "pool", "state"),
    _gauge("flux_database_connections_max", "How many connections each pool may open.", "pool"),
    _gauge("flux_database_waiting", "How many statements wait for a connection of their pool.", "pool"),
    _histogram("flux_event_loop_lag_seconds", "How late the event loop was for a timer, measured twice a second."),
    _gauge("flux_build_info", "Always 1; the labels say what runs here.", "version", "process"),
)  # fmt: skip
"""What every API process and every worker tells of itself."""

CATALOGUE: Final = {each.name: each for each in (*OF_EACH, *OF_API, *OF_WORKERS, *OF_INSTALLATION)}
