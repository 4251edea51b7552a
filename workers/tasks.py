"""The tasks: each decodes its message, calls one verb on the loop, and says in words what came of it."""

from collections import Counter
from itertools import chain, repeat
from typing import Any, Final

import structlog
from celery import Task
from celery.exceptions import Reject
from structlog.contextvars import bound_contextvars

from flux_dispatch.domain.errors import CallerError, Unavailable
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.engine.flow.message_progress import DeliveryResult
from workers.app import app
from workers.bootstep import running_engine
from workers.publication import read_publication
from workers.refused import keep
from workers.until_stored import CannotBeStored, Stopped

log = structlog.get_logger("flux.publish")

_NOBODY: Final = AccountId("")


@app.task(name="flux.publish", bind=True, throws=(CallerError, CannotBeStored))
def publish(self: Task, *args: object, **fields: Any) -> str:  # noqa: ANN401 - what producers send
    """Publish an event from a Celery producer; the message may come twice, its task id then makes it one event.

    It takes account, type, data and idempotency_key, by name. The message is the only copy until the database has the
    event, so it is tried until then, and goes back to its queue if the worker ends before. What can never be stored is
    logged in one line and kept.
    """
    engine = running_engine(self.app)
    try:
        # what is logged of it on the loop carries the task's id, by which its producer knows it
        with engine.traces.message(self.name, vars(self.request)), bound_contextvars(task_id=self.request.id):
            publication = read_publication(args, fields, self.request.id)
            published = engine.run(engine.until_stored(publication))
    except Stopped as error:
        raise Reject(error, requeue=True) from None
    except (CallerError, CannotBeStored) as error:
        _refuse(self, args, fields, error)
        raise
    return f"{published.event.id}: {published.webhooks} webhooks" + (", already known" if published.is_replay else "")


@app.task(name="flux.deliver", bind=True, throws=(Unavailable,))
def deliver(
    self: Task, deliveries: list[DeliveryId], attempt: int = 1, accounts: list[tuple[AccountId, int]] | None = None
) -> str:
    """Try these deliveries, as far as they are due and nobody else tries them.

    `accounts` says whose they are, in runs: the first so many are of the first account. Of those that it does not name
    nobody knows, so they share one turn.
    """
    engine = running_engine(self.app)
    owners = chain.from_iterable(repeat(account, count) for account, count in accounts or ())
    pairs = list(zip(chain(owners, repeat(_NOBODY)), deliveries, strict=False))
    return _in_words(engine.run(engine.verbs.deliver(pairs, attempt=attempt)))


@app.task(name="flux.fail", bind=True, throws=(Unavailable,))
def fail(self: Task, deliveries: list[DeliveryId]) -> str:
    """Mark deliveries whose last attempt failed, and their events, as failed, and have alerts sent."""
    engine = running_engine(self.app)
    return f"failed {engine.run(engine.verbs.fail(deliveries))}"


@app.task(name="flux.alert", bind=True, throws=(Unavailable,))
def alert(self: Task, alerts: list[AlertId]) -> str:
    """Send alerts."""
    engine = running_engine(self.app)
    return f"sent {engine.run(engine.verbs.alert(alerts))}"


def _in_words(words: Counter[DeliveryResult]) -> str:
    return ", ".join(f"{word} {words[word]}" for word in DeliveryResult if words[word]) or "nothing"


def _refuse(task: Task, args: tuple[object, ...], fields: dict[str, Any], error: CallerError | CannotBeStored) -> None:
    about = {
        "code": error.code,
        "account": fields.get("account"),
        "event_type": fields.get("type"),
        "idempotency_key": fields.get("idempotency_key"),
        "task_id": task.request.id,
        "producer": task.request.origin,
    }
    fields_for_log = {name: str(value)[:80] for name, value in about.items() if value is not None}
    message = [*args, fields] if args else fields
    try:
        with task.app.pool.acquire(block=True) as connection, connection.default_channel.conn_or_acquire() as client:
            is_kept = keep(client, why=str(error), message=message, task=task.name, **fields_for_log)
    except Exception:  # noqa: BLE001 - kombu's for a broker that is unavailable; the line in the log says what matters
        is_kept = False
    log.warning("publication.refused", reason=str(error), **fields_for_log, kept=is_kept)
