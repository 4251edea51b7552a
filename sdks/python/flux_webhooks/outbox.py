"""Writes an event in the caller's own transaction: it is published if that commits, and never was if it does not.

Needs SQLAlchemy, and a PostgreSQL that is the one of Flux Dispatch. Whoever has neither calls the SQL function itself:
`SELECT * FROM flux_publish(account, type, data, idempotency_key)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from flux_webhooks._publication import PublicationRefused, check_publication
from flux_webhooks.checks import path_account

__all__ = ["PublicationRefused", "publish", "publish_async"]

Statement = Any
Parameters = Any
Result = Any

CACHE_SECONDS = 3.0
"""A change of the catalogue is felt within this."""

MAX_REMEMBERED = 10_000


class Transaction(Protocol):
    """SQLAlchemy's Session or Connection."""

    def execute(self, statement: Statement, parameters: Parameters = None, /) -> Result:
        """Run a statement."""


class AsyncTransaction(Protocol):
    """SQLAlchemy's AsyncSession or AsyncConnection."""

    async def run_sync(self, function: Callable[..., Result], /, *args: object) -> Result:
        """Run a function of the synchronous one behind it."""


def publish(
    session: Transaction,
    account: str,
    type: str,  # noqa: A002 - its name in the API
    data: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> str:
    """Write an event in this session's transaction, and return the event's id.

    Nothing is sent before the commit. A refusal leaves the transaction as it was.

    Args:
        session: SQLAlchemy's Session or Connection.
        account: `acct_…`, or `ext:` and your own name of the account.
        type: like `order.completed`.
        data: a dict; datetimes, UUIDs and Decimals in it become text, as over HTTP.
        idempotency_key: what makes it this event and no other; with a key that is known, the id is that of its event.

    Raises:
        PublicationRefused: it is not what it must be; `code`, `param` and the message are those of the API.
        sqlalchemy.exc.DBAPIError: PostgreSQL did not do it, or the role may not; the transaction is over.
    """
    if hasattr(session, "run_sync"):
        raise TypeError("This is an asynchronous session: await outbox.publish_async(session, …).")
    event = check_publication(account, type, data, idempotency_key, check_account=path_account)
    if _has_schemas() and (schema := _schema_of(session, account, type)) is not None:
        from flux_webhooks._schema_check import check_schema

        check_schema(schema, type, event.data)
    given = {"account": account, "type": type, "data": event.data, "key": idempotency_key}
    made = session.execute(_statement(_PUBLISH), given).one()
    if made.error_code is not None:
        raise PublicationRefused(made.error_code, made.error_param, made.error_message)
    return str(made.event)


async def publish_async(
    session: AsyncTransaction,
    account: str,
    type: str,  # noqa: A002 - its name in the API
    data: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> str:
    """Write an event in the transaction of an AsyncSession or AsyncConnection; all else is as for publish."""
    if not hasattr(session, "run_sync"):
        raise TypeError("This is no asynchronous session: call outbox.publish(session, …).")
    return str(await session.run_sync(publish, account, type, data, idempotency_key))


def _schema_of(session: Transaction, account: str, event_type: str) -> str | None:
    """Return the schema that data of this type must meet; each is asked for once in three seconds."""
    engine = getattr(session, "engine", None) or session.connection().engine  # type: ignore[attr-defined] # a Session has no engine
    known = _SCHEMAS.setdefault(engine, {})
    asked_at, schema = known.get((account, event_type), (0.0, None))
    now = time.monotonic()
    if not asked_at or now - asked_at > CACHE_SECONDS:
        schema = session.execute(_statement(_SCHEMA), {"account": account, "type": event_type}).scalar_one()
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[account, event_type] = (now, schema)
    return schema


@lru_cache(maxsize=1)
def _has_schemas() -> bool:
    """Say whether the library is there that checks data; without it the workers of Flux Dispatch check."""
    return find_spec("jsonschema_rs") is not None


@lru_cache(maxsize=2)
def _statement(sql: str) -> Statement:
    from sqlalchemy import text

    return text(sql)


_PUBLISH = "SELECT event, error_code, error_param, error_message FROM flux_publish(:account, :type, :data, :key)"
_SCHEMA = "SELECT flux_event_schema(:account, :type)"
_SCHEMAS: WeakKeyDictionary[Any, dict[tuple[str, str], tuple[float, str | None]]] = WeakKeyDictionary()
"""What was asked of each database, when, and what it said."""
