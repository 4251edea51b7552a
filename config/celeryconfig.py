"""How Celery is set up: each setting with the reason it is not the default."""

import os
from typing import Any, Final

from kombu import Exchange, Queue

from config.redis_url import read_redis_url
from config.task_table import TASKS

VISIBILITY_TIMEOUT_SECONDS: Final = 300
"""After how long Redis gives a message that nobody acknowledged to another worker. Longer than any countdown (the
sweeper's horizon), or countdown messages would run twice; short, because the sweeper is quicker anyway."""

PRODUCERS_QUEUE: Final = "celery"

QUEUES: Final = ("ingest", "deliver", "bulk", "retry", "control", PRODUCERS_QUEUE)
"""Apart, so that pools scale apart and retries never stand before first attempts, nor the bulk of one account before
anybody's event. `celery` is where a producer's `send_task("flux.publish")` goes when the producer names no queue; hence
Flux wants a Redis database of its own."""

PRIORITIES: Final = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu adds to a queue's name for the priorities that a producer may give."""

TRANSPORT: Final = {
    # a frozen Redis must not hold a publisher for ever
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
}


def celery_settings(redis_url: str) -> dict[str, Any]:
    """Return Celery's configuration for this broker."""
    broker = read_redis_url(redis_url)
    return {
        "broker_url": broker.url,
        "broker_use_ssl": broker.tls,
        "broker_connection_retry_on_startup": True,
        # a worker outlives any outage of the broker: it delivers without it meanwhile
        "broker_connection_max_retries": None,
        # nor does an answer end it: full, read-only, no permission, a script that runs
        "broker_channel_error_retry": True,
        "broker_transport_options": TRANSPORT | broker.options,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        "task_default_queue": "control",
        "task_create_missing_queues": False,
        "task_routes": {name: {"queue": row.queue} for name, row in TASKS.items()},
        # a message is gone only when its work is done: duplicate messages are harmless here, lost ones cost seconds
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        # sends task events a few at a time, and looks often for a broker that is unavailable
        "worker_consumer": "workers.consumer:FluxConsumer",
        # PostgreSQL holds every result
        "task_ignore_result": True,
        "accept_content": ["json"],
        "task_serializer": "json",
        # commands and events of another application on the same Redis are none of ours
        "control_exchange": "flux",
        "event_exchange": "fluxev",
        # Flower lives on these
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        # a countdown is at most 50 ms late by Celery's own clock
        "worker_timer_precision": 0.05,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
    }


def forget_foreign_settings() -> None:
    """Remove from this process's environment what Celery, kombu and Flower would read there before our settings.

    It belongs to other applications, whose broker, and tasks, are none of ours. Call it before an app is made.
    """
    for name in [name for name in os.environ if name.startswith(_FOREIGN_PREFIXES) or name in _FOREIGN]:
        del os.environ[name]


_FOREIGN_PREFIXES: Final = ("CELERY_", "CELERYD_", "FLOWER_", "KOMBU_")
_FOREIGN: Final = {"APP", "BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"}
"""Variables of the options of the command `celery`, which `flux worker` runs through."""
