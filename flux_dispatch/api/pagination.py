"""Pagination: lists, newest first, in pages that a cursor continues."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web

from flux_dispatch.api.filters import invalid_parameter
from flux_dispatch.api.json_text import to_json
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.pages import Page

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100

Thing = TypeVar("Thing")


async def list_response(
    request: web.Request,
    account: AccountId,
    fetch: Callable[[Page], Awaitable[Sequence[Thing]]],
    serialize: Callable[[Thing], dict[str, Any]],
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
    serialized = [serialize(each) for each in things[:limit]]
    has_more = len(things) > limit
    cursor = _cursor(name, account, [serialized[-1][key] for key in order]) if has_more else None
    listed = ", ".join(map(to_json, serialized))
    more = json.dumps({"has_more": has_more, "next_cursor": cursor})
    text = f'{{"object": "list", "data": [{listed}], {more[1:]}'
    return web.Response(text=text, content_type="application/json")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))):
        raise invalid_parameter(f"limit is a number from 1 to {MAX_LIMIT}.", "limit")
    if not 1 <= int(text) <= MAX_LIMIT:
        raise invalid_parameter(f"limit is a number from 1 to {MAX_LIMIT}.", "limit")
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
        raise invalid_parameter("This cursor does not belong to this list: use next_cursor of its last page.", "cursor")
    return after


_ID_DIGITS: Final = 32
_ID_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
