"""What every resource does: send an operation, and read the answer as a model or as a page of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flux_webhooks._async.connection import AsyncConnection
from flux_webhooks._async.pages import AsyncPage, read_page
from flux_webhooks.answers import AnyModel, read_answer
from flux_webhooks.checks import query_limit


class AsyncResource:
    """One resource of the API, over a connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _one(
        self,
        model: type[AnyModel],
        name: str,
        **request: Any,  # noqa: ANN401 - what AsyncConnection.send takes
    ) -> AnyModel:
        return read_answer(model, (await self._connection.send(name, **request)).json)

    async def _page(
        self,
        model: type[AnyModel],
        name: str,
        *,
        query: Mapping[str, Any],
        limit: int | None,
        cursor: str | None,
        account: str | None = None,
        path: Mapping[str, str] | None = None,
    ) -> AsyncPage[AnyModel]:
        asked = {**query, "limit": None if limit is None else query_limit(limit)}

        async def fetch(after: str | None) -> AsyncPage[AnyModel]:
            answer = await self._connection.send(name, path=path, query={**asked, "cursor": after}, account=account)
            return read_page(model, answer, after, fetch)

        return await fetch(cursor)
