"""Publishes an event through the broker of a Celery application, in a message that may safely be sent again."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from celery import Celery
from celery.app.routes import Router
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.pools import ProducerPool

from flux_webhooks._publication import MAX_BYTES, PublicationRefused, check_publication
from flux_webhooks.checks import account_id
from flux_webhooks.errors import FluxError
from flux_webhooks.event_json import MAX_NESTED

__all__ = ["BrokerUnavailable", "PublicationRefused", "publish"]

TASK = "flux.publish"
QUEUE = Queue("ingest", Exchange("ingest"), "ingest")

RETRY = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
"""How often a message is sent again at once, after how many seconds: about one in all."""

BOUNDS = {"socket_connect_timeout": 2, "socket_timeout": 2, **RETRY}
"""A broker that says nothing holds nobody for ever; what the application sets for its broker goes before these."""

MAX_IN_A_MESSAGE = MAX_NESTED - 1
"""How many levels deep values of data may be: to the workers the message itself is one."""


class BrokerUnavailable(FluxError, ConnectionError):
    """The broker did not take the message, or its answer was lost; send it again with this `idempotency_key`."""

    def __init__(self, message: str, idempotency_key: str) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


def publish(  # noqa: PLR0913 - what an event is
    app: Celery,
    account: str,
    type: str,  # noqa: A002 - its name in the API
    data: Mapping[str, Any],
    idempotency_key: str | None = None,
    *,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Send an event to the workers of Flux Dispatch, and return its idempotency key.

    The event exists once a worker has stored it. Whatever sends the same again with the same key (this function, the
    broker, or you) makes no second event.

    Args:
        app: any Celery application on the broker of Flux Dispatch; it needs no result backend and no task.
        account: `acct_…`.
        type: like `order.completed`.
        data: a dict; datetimes, UUIDs and Decimals in it become text, as over HTTP.
        idempotency_key: what makes it this event and no other, like `order-7`; made here unless given.
        max_bytes: the FLUX_MAX_BODY_BYTES of Flux Dispatch, where that is not the usual one.

    Raises:
        PublicationRefused: it is not what it must be; `code`, `param` and the message are those of the API.
        BrokerUnavailable: the broker did not take it, tried again for a second or, of one that is silent, some more.
    """
    task_id = str(uuid.uuid4())
    key = f"celery:{task_id}" if idempotency_key is None else idempotency_key
    event = check_publication(
        account, type, data, key, check_account=account_id, most_nested=MAX_IN_A_MESSAGE, max_bytes=max_bytes
    )
    fields = {"account": account, "type": type, "data": json.loads(event.data), "idempotency_key": key}
    _send(app, task_id, fields)
    return key


def _send(app: Celery, task_id: str, fields: dict[str, Any]) -> None:
    producers = _producers_of(app)
    errors = (OperationalError, *producers.connections.connection.recoverable_connection_errors)
    errors += producers.connections.connection.channel_errors
    try:
        with producers.acquire(block=True) as producer:
            app.send_task(
                TASK,
                kwargs=fields,
                task_id=task_id,
                queue=QUEUE,
                router=Router(app=app),  # the application's own would go before the queue, and may not know it
                producer=producer,
                serializer="json",
                ignore_result=True,
                retry=True,
                retry_policy=RETRY,
            )
    except errors as error:
        message = f"The broker did not take the message: {error}. Send it again with the same idempotency key."
        raise BrokerUnavailable(message, fields["idempotency_key"]) from error


def _producers_of(app: Celery) -> ProducerPool:
    """Return the connections of this process to the application's broker; a forked one has none of its parent's."""
    pid, producers = _PRODUCERS.get(app, (0, None))
    if producers is None or pid != os.getpid():
        connection = app.connection_for_write()
        connection.transport_options = {**BOUNDS, **connection.transport_options}
        limit = app.conf.broker_pool_limit or 10
        producers = ProducerPool(connections=connection.Pool(limit=limit), limit=limit)
        _PRODUCERS[app] = (os.getpid(), producers)
    return producers


_PRODUCERS: WeakKeyDictionary[Celery, tuple[int, ProducerPool]] = WeakKeyDictionary()
