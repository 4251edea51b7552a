"""What every list of an account shares: newest first, one page at a time, each by an index, in bounded time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import QueryTooSlow, Unavailable
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.domain.text import is_storable
from flux_dispatch.store.connect import connect
from flux_dispatch.store.trouble import sqlstate

MAX_READ_SECONDS: Final = 2
"""After this PostgreSQL gives a read up: a list that is hard to find must not take the time of everything else."""

LOWEST_ID: Final = "CAST(repeat('0', 32) AS uuid)"
HIGHEST_ID: Final = "CAST(repeat('f', 32) AS uuid)"
"""In SQL, for statements whose bounds are rows."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `limit` things behind `after` (uuids in hex; None: from the newest on).

    Webhooks, events and alerts stand in the order of their ids, deliveries in that of their events' ids and then of
    their own; `after` holds these of the last thing seen.
    """

    limit: int
    after: tuple[str, ...] | None = None


class Queries:
    """Reads of one account's resources; whatever belongs to another account is not there.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def _page(
        self, query: str, key: str, account: AccountId, page: Page, parameters: Mapping[str, Any] | None = None
    ) -> list[Row[Any]]:
        clause = f"{query.format(where=behind(page, key))} ORDER BY {key} DESC LIMIT :limit"
        return await self._list(clause, account, page, parameters or {})

    async def _list(
        self, query: str, account: AccountId | None, page: Page, parameters: Mapping[str, Any]
    ) -> list[Row[Any]]:
        position = {f"after_{index}": each for index, each in enumerate(page.after or ())}
        return await self._rows_in_time(query, account, {**parameters, **position, "limit": page.limit})

    async def _one(self, query: str, account: AccountId, id_hex: str) -> Row[Any] | None:
        rows = await self._rows(query, account, {"id": id_hex})
        return rows[0] if rows else None

    async def _rows_in_time(
        self, query: str, account: AccountId | None, parameters: Mapping[str, Any]
    ) -> list[Row[Any]]:
        try:
            return await self._rows(query, account, parameters)
        except Unavailable as error:
            if error.__cause__ is not None and sqlstate(error.__cause__) == _GIVEN_UP:
                raise QueryTooSlow(_TOO_SLOW) from error
            raise

    async def _rows(self, query: str, account: AccountId | None, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        given = {**parameters, "account": UUID(parse_id(Prefix.ACCOUNT, account))} if account else dict(parameters)
        async with connect(self._database) as connection:
            return list((await connection.execute(text(query), given)).all())


def behind(page: Page, *keys: str) -> str:
    """Return the condition for what comes behind what was seen, in falling order of these columns."""
    if page.after is None:
        return "true"
    seen = ", ".join(f"CAST(:after_{index} AS uuid)" for index in range(len(keys)))
    return f"({', '.join(keys)}) < ({seen})"


def first_id(instant: datetime, further_milliseconds: int) -> str:
    """Return the lowest id of a millisecond, as a uuid in hex."""
    milliseconds = int(instant.timestamp() * 1000) + further_milliseconds
    return f"{max(milliseconds, 0):012x}" + "0" * 20


def containing(piece: str) -> str | None:
    """Return the pattern for ILIKE of texts that contain this piece; None, of which none is alike, when none can."""
    if not is_storable(piece):
        return None
    return "%" + re.sub(r"[\\%_]", r"\\\g<0>", piece) + "%"


_GIVEN_UP: Final = "57014"
"""The SQLSTATE of a statement that was canceled, here because its time was over."""

_TOO_SLOW: Final = (
    f"This list could not be put together within {MAX_READ_SECONDS} seconds. Narrow it: with created_after and "
    "created_before where the list knows them, or by fewer or other filters."
)
