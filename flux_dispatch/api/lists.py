"""Lists: newest first, in pages that a cursor continues."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.reads import Page

DEFAULT_LIMIT: Final = 25
HIGHEST_LIMIT: Final = 100

Thing = TypeVar("Thing")


async def answer_list(
    request: web.Request,
    account: AccountId,
    fetch: Callable[[Page], Awaitable[Sequence[Thing]]],
    show: Callable[[Thing], dict[str, Any]],
) -> web.Response:
    """Answer one page of the list at this path.

    Raises:
        InvalidRequest: 400 for a limit outside 1 to 100, or a cursor that is not of this list and account.
    """
    name = request.path
    limit = _limit(request.query.get("limit"))
    before = _read_cursor(request.query.get("cursor"), name, account)
    things = await fetch(Page(limit + 1, before))
    shown = [show(each) for each in things[:limit]]
    has_more = len(things) > limit
    cursor = _cursor(name, account, shown[-1]["id"]) if has_more else None
    return web.json_response({"object": "list", "data": shown, "has_more": has_more, "next_cursor": cursor})


def check_query(request: web.Request, allowed: Iterable[str]) -> None:
    """Refuse query parameters that mean nothing here: a misspelt filter must not pass for one that matches all.

    Raises:
        InvalidRequest: 400, naming the parameter.
    """
    known = {"limit", "cursor", *allowed}
    for name in request.query:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise _refused(f"{name[:60]} is not a parameter of this list. There are: {listed}.", name[:60])


def instant(text: str, param: str) -> datetime:
    """Return the instant that a query parameter names, in RFC 3339.

    Raises:
        InvalidRequest: 400, it is not one.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(f"{param} is a time like 2026-01-15T10:30:00Z.", param) from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_LIMIT))):
        raise _refused(f"limit is a number from 1 to {HIGHEST_LIMIT}.", "limit")
    if not 1 <= int(text) <= HIGHEST_LIMIT:
        raise _refused(f"limit is a number from 1 to {HIGHEST_LIMIT}.", "limit")
    return int(text)


def _cursor(name: str, account: AccountId, last_id: str) -> str:
    return urlsafe_b64encode(json.dumps([name, account, last_id.rpartition("_")[2]]).encode()).decode()


def _read_cursor(text: str | None, name: str, account: AccountId) -> str | None:
    if text is None:
        return None
    try:
        of_list, of_account, id_hex = json.loads(urlsafe_b64decode(text.encode("ascii")))
        bytes.fromhex(id_hex)
    except (ValueError, TypeError):
        of_list = None
    if (of_list, of_account if of_list else None) != (name, account):
        raise _refused("This cursor does not belong to this list: use next_cursor of its last page.", "cursor")
    return str(id_hex)


def _refused(message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code="invalid_parameter", status=HTTPStatus.BAD_REQUEST)
