"""Who acts at this moment: noted where a request or a command comes in, read where an audit entry is written.

It is carried by the context and not by arguments: a verb states what it needs to be done, and is the same whoever asks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind

_ENGINE: Final = Acting(Actor(ActorKind.ENGINE))


def _by_itself() -> Acting:
    return _ENGINE


_ACTING: ContextVar[Callable[[], Acting]] = ContextVar("acting", default=_by_itself)


class ActingAs:
    """The time in which somebody acts; as light as it can be, for every request has one."""

    __slots__ = ("_before", "_who")

    def __init__(self, who: Callable[[], Acting]) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._before = _ACTING.set(self._who)

    def __exit__(self, *_: object) -> None:
        _ACTING.reset(self._before)


def acting_as(who: Callable[[], Acting]) -> ActingAs:
    """Have what is done within be told as done by them; they are asked for only if something is to be told."""
    return ActingAs(who)


@contextmanager
def acting_with(actor: Actor) -> Iterator[None]:
    """Have what is done within be told of another actor, who came the same way: of somebody who has just signed in."""
    come = acting()
    with acting_as(lambda: replace(come, actor=actor)):
        yield


def acting() -> Acting:
    """Return who acts; the engine, unless somebody was noted."""
    return _ACTING.get()()
