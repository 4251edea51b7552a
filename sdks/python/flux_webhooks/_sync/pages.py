"""One page of a list, and through it all that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from flux_webhooks.answers import AnyModel, read_answer, read_list
from flux_webhooks.errors import APIResponseError
from flux_webhooks.responses import Answer

Item = TypeVar("Item")


class Page(Generic[Item]):
    """One page of a list, the newest first; to iterate it is to iterate all pages, each fetched when it is reached.

    Attributes:
        data: what this page lists.
        has_more: whether another page follows.
        next_cursor: what names that page to the API.
    """

    def __init__(self, data: list[Item], next_cursor: str | None, fetch: Callable[[str], Page[Item]]) -> None:
        self.data = data
        self.has_more = next_cursor is not None
        self.next_cursor = next_cursor
        self._fetch = fetch

    def next_page(self) -> Page[Item] | None:
        """Return the page after this one; None where this is the last."""
        return None if self.next_cursor is None else self._fetch(self.next_cursor)

    def __iter__(self) -> Iterator[Item]:
        page: Page[Item] | None = self
        while page is not None:
            for item in page.data:
                yield item
            page = page.next_page()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(data={self.data!r}, has_more={self.has_more})"


def read_page(
    model: type[AnyModel], answer: Answer, cursor: str | None, fetch: Callable[[str], Page[AnyModel]]
) -> Page[AnyModel]:
    """Return the page that was answered to this cursor.

    Raises:
        APIResponseError: it is none, or the next one would be this one again.
    """
    data = [read_answer(model, each) for each in read_list(answer.json)]
    more, following = answer.json.get("has_more"), answer.json.get("next_cursor")
    if not isinstance(more, bool) or (more and (not isinstance(following, str) or following == cursor)):
        raise APIResponseError("The API's list does not say how it goes on: has_more and next_cursor do not fit.")
    return Page(data, following if more else None, fetch)
