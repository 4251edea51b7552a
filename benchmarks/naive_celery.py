"""The textbook way, to compare with: a Celery task for each delivery, prefork, `requests`, psycopg.

It is given what it can be given: one database connection and one HTTP session for each process, kept open.
"""

import os
import time
from datetime import timedelta
from functools import cache
from typing import Any

import psycopg
import requests
from celery import Celery

from flux_dispatch.domain.signing import sign_flux, sign_standard

PROCESSES = 8

app = Celery("textbook", broker=os.environ.get("FLUX_REDIS_URL"))
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=4)

_LOAD = """
    SELECT deliveries.event_id, webhooks.url, webhooks.secrets, events.body
    FROM deliveries JOIN webhooks ON webhooks.id = webhook_id JOIN events ON events.id = event_id
    WHERE deliveries.id = %s AND state = 'pending'
"""
_STORE = """
    WITH moved AS (
        UPDATE deliveries SET state = 'delivered', attempts = 1, ended_at = now(), due_at = NULL, sweep_at = NULL
        WHERE id = %(id)s
    )
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status)
    VALUES (%(id)s, 1, %(seconds)s, now(), %(status)s)
"""


@app.task(name="textbook.deliver", autoretry_for=(Exception,), default_retry_delay=60, max_retries=4)
def deliver(delivery: str) -> None:
    """Load a delivery, POST it, store what came of it."""
    database, http = _connection(), _session()
    row = database.execute(_LOAD, [delivery.removeprefix("dlv_")]).fetchone()
    if row is None:
        return
    event, url, secrets, body = f"evt_{row[0].hex}", row[1], row[2], bytes(row[3])
    now, began = int(time.time()), time.monotonic()
    headers = {
        "content-type": "application/json",
        "user-agent": "textbook",
        "flux-signature": sign_flux(secrets, now, body),
        "webhook-id": event,
        "webhook-timestamp": str(now),
        "webhook-signature": sign_standard(secrets, event, now, body),
        "flux-delivery": delivery,
        "flux-attempt": "1",
    }
    answer = http.post(url, data=body, headers=headers, timeout=15)
    answer.raise_for_status()
    seconds = timedelta(seconds=time.monotonic() - began).total_seconds()
    database.execute(_STORE, {"id": delivery.removeprefix("dlv_"), "seconds": seconds, "status": answer.status_code})


@cache
def _connection() -> "psycopg.Connection[Any]":
    return psycopg.connect(os.environ["FLUX_DATABASE_URL"], autocommit=True)


@cache
def _session() -> requests.Session:
    return requests.Session()
