"""The broker as a command asks it: once, as the processes understand FLUX_REDIS_URL, and without kombu's patience."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def broker_client(url: str) -> Iterator[Any]:
    """Yield a Redis client that has been answered.

    Raises:
        Exception: it is unavailable or refuses; kombu's and redis-py's errors have no common root.
    """
    from celery import Celery

    from config.celeryconfig import celery_settings, forget_foreign_settings

    forget_foreign_settings()
    with Celery("flux-command", set_as_current=False) as app:
        app.config_from_object(celery_settings(url))
        with app.connection_for_write() as connection:
            transport = connection.transport
            # a connection of kombu's would try again for seconds, or for ever
            opened = transport.establish_connection()
            try:
                with transport.create_channel(opened).conn_or_acquire() as client:
                    yield client
            finally:
                transport.close_connection(opened)
