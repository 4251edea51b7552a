"""The tasks: each decodes its message, calls one verb on the loop, and says in words what came of it."""

from collections import Counter
from itertools import chain, repeat
from typing import Any, Final, cast

from celery import Task

from flux_dispatch.domain.errors import CallerError, Unavailable
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.engine.batch import Word
from workers.app import app
from workers.engine_step import running_engine

_NOBODY: Final = AccountId("")


@app.task(
    name="flux.publish",
    bind=True,
    throws=(CallerError,),
    # the message is the only copy until the database has it: try until it does
    autoretry_for=(Unavailable,),
    retry_backoff=True,
    retry_backoff_max=30,
    max_retries=None,
)
def publish(
    self: Task,
    account: str,
    type: str,  # noqa: A002 - the name that producers send
    data: dict[str, Any],
    idempotency_key: str | None = None,
) -> str:
    """Accept an event from a Celery producer; the message may come twice, its task id then makes it one event."""
    engine = running_engine(self.app)
    key = idempotency_key or f"celery:{self.request.id}"
    accepted = engine.run(engine.verbs.accept(cast(AccountId, account), type, data, idempotency_key=key))
    return f"{accepted.event.id}: {accepted.webhooks} webhooks" + (", already known" if accepted.is_replay else "")


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


def _in_words(words: Counter[Word]) -> str:
    return ", ".join(f"{word} {words[word]}" for word in Word if words[word]) or "nothing"
