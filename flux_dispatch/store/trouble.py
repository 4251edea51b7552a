"""Tells apart what PostgreSQL and its driver report: trouble of the moment, a connection that is spent, an error."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, PoolTimeoutError)
"""What is raised when a connection cannot be had or used any more, whatever the statement was."""

READ_ONLY = "25006"
"""A server that was demoted, a standby, or one whose disk is full and whose hoster lets it only read."""

_PASSING = ("08", "53", "57", "58")
"""Classes: the connection, lack of resources, an operator's hand or a shutdown, the system beneath (a full disk)."""

_PASSING_STATES = frozenset(
    {
        *(READ_ONLY, "25P02", "25P03", "25P04"),  # the session's transaction was ended by the server
        *("40001", "40P01", "40003", "55P03", "55006"),  # others were in the way
        *("55000", "XX000"),  # not accepting connections; an error inside, of a server or of a pooler
        *("26000", "42P05"),  # a prepared statement that a pooler lost, or has twice
    }
)

_SPENT = ("08", "57P", "58")
_SPENT_STATES = frozenset({READ_ONLY, "25P02", "25P03", "25P04", "55000", "XX000", "26000", "42P05"})


def driver_error(error: BaseException) -> BaseException:
    """Return what the driver itself raised, out of what SQLAlchemy made of it."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return error
    # SQLAlchemy's copies of the driver's classes stand between the two
    copied = error.orig
    return copied if isinstance(copied, asyncpg.PostgresError) else copied.__cause__ or copied


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's five characters, or none."""
    return getattr(driver_error(error), "sqlstate", None) or ""


def is_passing(error: BaseException) -> bool:
    """Say whether the same may go well in a moment."""
    known = driver_error(error)
    if isinstance(known, asyncpg.PostgresError):
        state = sqlstate(known)
        return state[:2] in _PASSING or state in _PASSING_STATES
    return isinstance(known, BROKEN)


def ends_connection(error: BaseException) -> bool:
    """Say whether its connection must not be used again, though the server may not have closed it yet."""
    known = driver_error(error)
    if isinstance(known, asyncpg.PostgresError):
        state = sqlstate(known)
        return state.startswith(_SPENT) or state in _SPENT_STATES
    return isinstance(known, BROKEN)


def reason(error: BaseException | None) -> str:
    """Name the trouble for those who may not read more: no host, no user, no word of the server's."""
    if error is None:
        return "unknown"
    known = driver_error(error)
    state = sqlstate(known)
    return f"{type(known).__name__} (SQLSTATE {state})" if state else type(known).__name__
