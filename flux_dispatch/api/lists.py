"""Lists: newest first, in pages that a cursor continues."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web

from flux_dispatch.api.shown import in_json
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.reads import Page

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100

Thing = TypeVar("Thing")
Readers: TypeAlias = Mapping[str, Callable[[str], Any]]
"""The filters of a list: what each reads its text as; a reader raises InvalidRequest."""


async def answer_list(
    request: web.Request,
    account: AccountId,
    fetch: Callable[[Page], Awaitable[Sequence[Thing]]],
    show: Callable[[Thing], dict[str, Any]],
    *,
    order: Sequence[str] = ("id",),
) -> web.Response:
    """Answer one page of the list at this path, which is in the order of these ids of what it shows.

    Raises:
        InvalidRequest: 400 for a limit outside 1 to 100, or a cursor that is not of this list and account.
    """
    name = request.path
    limit = _limit(request.query.get("limit"))
    after = _read_cursor(request.query.get("cursor"), name, account, len(order))
    things = await fetch(Page(limit + 1, after))
    shown = [show(each) for each in things[:limit]]
    has_more = len(things) > limit
    cursor = _cursor(name, account, [shown[-1][key] for key in order]) if has_more else None
    listed = ", ".join(map(in_json, shown))
    more = json.dumps({"has_more": has_more, "next_cursor": cursor})
    text = f'{{"object": "list", "data": [{listed}], {more[1:]}'
    return web.Response(text=text, content_type="application/json")


def read_filters(request: web.Request, readers: Readers) -> dict[str, Any]:
    """Return what the query narrows the list to: the value of each filter that it names, as its reader reads it.

    Raises:
        InvalidRequest: 400, naming the parameter, for a value that is none, and for a name that means nothing here: a
            misspelt filter must not pass for one that matches all.
    """
    known = {"limit", "cursor", *readers}
    for name in request.query:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise _refused(f"{name[:60]} is not a parameter of this list. There are: {listed}.", name[:60])
    return {name: _read(name, read, request.query[name]) for name, read in readers.items() if name in request.query}


def instant(text: str) -> datetime:
    """Return the instant that a query parameter names, in RFC 3339; UTC unless it says otherwise."""
    try:
        value = datetime.fromisoformat(text)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("Give a time like 2026-01-15T10:30:00Z.") from None


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return a reader of one of these names."""
    known = list(names)

    def read(text: str) -> str:
        if text not in known:
            raise InvalidRequest(f"{text[:60]!r} is none of {', '.join(known)}.")
        return text

    return read


def _read(name: str, read: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401 - whatever the reader makes of it
    try:
        return read(text)
    except InvalidRequest as error:
        raise _refused(error.message, name) from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))):
        raise _refused(f"limit is a number from 1 to {MAX_LIMIT}.", "limit")
    if not 1 <= int(text) <= MAX_LIMIT:
        raise _refused(f"limit is a number from 1 to {MAX_LIMIT}.", "limit")
    return int(text)


def _cursor(name: str, account: AccountId, last: Sequence[str]) -> str:
    ids = "".join(each.rpartition("_")[2] for each in last)
    return urlsafe_b64encode(f"{name} {account} {ids}".encode()).decode()


def _read_cursor(text: str | None, name: str, account: AccountId, count: int) -> tuple[str, ...] | None:
    if text is None:
        return None
    try:
        of_list, _, ids = urlsafe_b64decode(text.encode("ascii")).decode().rpartition(" ")
    except ValueError:
        of_list, ids = "", ""
    after = tuple(ids[start : start + _ID_DIGITS] for start in range(0, len(ids), _ID_DIGITS))
    if of_list != f"{name} {account}" or len(after) != count or not all(map(_ID_HEX.fullmatch, after)):
        raise _refused("This cursor does not belong to this list: use next_cursor of its last page.", "cursor")
    return after


def _refused(message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code="invalid_parameter", status=HTTPStatus.BAD_REQUEST)


_ID_DIGITS: Final = 32
_ID_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
