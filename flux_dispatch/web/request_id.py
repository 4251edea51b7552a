"""The name of a request, by which its log lines are found, on pages and in answers alike."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from structlog.contextvars import bind_contextvars

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""Where a handler finds it: `request[REQUEST_ID]`."""


class InLog:
    """What log lines ask for the name of the request that they belong to; None when that is over.

    Tasks inherit what is bound where they were begun. Those that outlive the request, like a commit that goes on for
    others, would carry its name for ever if they had inherited the name itself.
    """

    __slots__ = ("request_id",)

    def __init__(self, request_id: str) -> None:
        self.request_id: str | None = request_id

    def __call__(self) -> str | None:
        """Return the name."""
        return self.request_id

    def __repr__(self) -> str:
        return str(self.request_id)


def new_request_id() -> str:
    """Return a name for a request; no secret."""
    return f"req_{random.getrandbits(96):024x}"


@contextmanager
def in_log(request_id: str) -> Iterator[None]:
    """Have every line that is logged within the block carry this name."""
    name = InLog(request_id)
    bind_contextvars(request_id=name)
    try:
        yield
    finally:
        name.request_id = None
