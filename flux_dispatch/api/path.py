"""What the path of a request names: an id of a kind, and the resource that has it."""

from typing import TypeVar

from aiohttp import web

from flux_dispatch.domain.errors import MalformedId, NotFound
from flux_dispatch.domain.ids import Prefix, parse_id

Found = TypeVar("Found")


def path_id(request: web.Request, prefix: Prefix) -> str:
    """Return the id in the path; one that cannot be one is not found, like one that does not exist."""
    text = request.match_info["id"]
    try:
        parse_id(prefix, text)
    except MalformedId as error:
        raise NotFound(error.message) from None
    return text


def or_404(found: Found | None, text: str) -> Found:
    """Return what was found.

    Raises:
        NotFound: nothing was.
    """
    if found is None:
        raise NotFound(f"There is no {text}.")
    return found
