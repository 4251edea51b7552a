"""Pagination: lists, newest first, in pages that a cursor continues."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web

from flux_dispatch.api.dependencies import DEPENDENCIES
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
    serialize: Callable[[Thing], Mapping[str, Any]],
    *,
    order: Sequence[str] = ("id",),
) -> web.Response:
    """Answer one page of the list at this path, which is in the order of these ids of what it shows.

    Raises:
        InvalidRequest: 400 for a limit outside 1 to 100, or a cursor that is not of this list and account.
    """
    cursors, of_list = request.app[DEPENDENCIES].cursors, f"{request.path} {account}"
    limit = _limit(request.query.get("limit"))
    given = request.query.get("cursor")
    after = None if given is None else cursors.read(of_list, given, len(order))
    if given is not None and after is None:
        raise invalid_parameter("This cursor does not belong to this list: use next_cursor of its last page.", "cursor")
    things = await fetch(Page(limit + 1, after))
    serialized = [serialize(each) for each in things[:limit]]
    has_more = len(things) > limit
    last = [serialized[-1][key].rpartition("_")[2] for key in order] if has_more else []
    cursor = cursors.write(of_list, last) if has_more else None
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
