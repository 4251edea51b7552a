"""Pages of a list, and its filters: both stand in the address, so that it can be kept, and shown to others."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.store.pages import Page

ROWS: Final = 50
"""How many rows a page has."""

AFTER: Final = "after"
"""Behind which row it begins: the ids of that, with commas between them."""


def page_at(request: web.Request, order: Sequence[Prefix], rows: int = ROWS) -> Page:
    """Return which part of a list is asked for, one row longer than a page, so that one sees whether more follow.

    Raises:
        InvalidRequest: what it begins behind is no row of such a list.
    """
    given = request.query.get(AFTER)
    if given is None:
        return Page(rows + 1)
    ids = given.split(",")
    if len(ids) != len(order):
        raise InvalidRequest("This page is not there. Begin the list anew.", param=AFTER)
    return Page(rows + 1, tuple(parse_id(prefix, each) for prefix, each in zip(order, ids, strict=True)))


def older(request: web.Request, count: int, last: Sequence[str], rows: int = ROWS) -> str:
    """Return the address of the page that follows one whose last row has these ids; nothing if none does.

    `count` is how many rows were found for this page, with the one that tells of more.
    """
    return with_query(request, {AFTER: ",".join(last)}) if count > rows else ""


def newest(request: web.Request) -> str:
    """Return the address of the first page of the list; nothing if this is it."""
    return with_query(request, {AFTER: ""}) if AFTER in request.query else ""


def with_query(request: web.Request, changes: Mapping[str, str]) -> str:
    """Return the address of this page with other parameters; those that are empty are left out."""
    kept = {name: value for name, value in request.query.items() if name != "done"} | dict(changes)
    left = {name: value for name, value in kept.items() if value}
    return str(request.rel_url.with_query(left))
