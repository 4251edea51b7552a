"""What every resource does: send an operation, and read the answer as a model or as a page of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flux_webhooks._sync.connection import Connection
from flux_webhooks._sync.pages import Page, read_page
from flux_webhooks.answers import AnyModel, read_answer
from flux_webhooks.checks import query_limit


class Resource:
    """One resource of the API, over a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _one(
        self,
        model: type[AnyModel],
        name: str,
        **request: Any,  # noqa: ANN401 - what Connection.send takes
    ) -> AnyModel:
        return read_answer(model, (self._connection.send(name, **request)).json)

    def _page(
        self,
        model: type[AnyModel],
        name: str,
        *,
        query: Mapping[str, Any],
        limit: int | None,
        cursor: str | None,
        account: str | None = None,
        path: Mapping[str, str] | None = None,
    ) -> Page[AnyModel]:
        asked = {**query, "limit": None if limit is None else query_limit(limit)}

        def fetch(after: str | None) -> Page[AnyModel]:
            answer = self._connection.send(name, path=path, query={**asked, "cursor": after}, account=account)
            return read_page(model, answer, after, fetch)

        return fetch(cursor)
