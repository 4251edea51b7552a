"""Compiled schemas that a process keeps: each account its own, so that none takes the room of all."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.schema.compile import Compiled

MAX_PARTS: Final = 50_000
"""Parts of all kept schemas together; a part takes about a kilobyte, a pattern's part about five."""

MAX_PARTS_OF_ACCOUNT: Final = 10_000
"""Parts of what one account may have of these."""


@dataclass(slots=True)
class _Kept:
    parts: int = 0
    schemas: OrderedDict[str, tuple[int, Compiled]] = field(default_factory=OrderedDict)

    def forget(self, name: str) -> int:
        """Return how many parts less are kept."""
        parts = self.schemas.pop(name)[1].size.parts
        self.parts -= parts
        return parts


class KeptSchemas:
    """Keeps compiled schemas by account and event type, those that were used last."""

    def __init__(self) -> None:
        self._accounts = OrderedDict[AccountId, _Kept]()
        self._parts = 0

    def get(self, account: AccountId, name: str, version: int) -> Compiled | None:
        """Return the schema of a type in this version, if it is kept."""
        kept = self._accounts.get(account)
        if kept is None or name not in kept.schemas:
            return None
        found, schema = kept.schemas[name]
        if found != version:
            return None
        kept.schemas.move_to_end(name)
        self._accounts.move_to_end(account)
        return schema

    def keep(self, account: AccountId, name: str, version: int, schema: Compiled) -> None:
        """Keep a schema, and forget what has no room beside it."""
        kept = self._accounts.setdefault(account, _Kept())
        self._accounts.move_to_end(account)
        if name in kept.schemas:
            self._parts -= kept.forget(name)
        kept.schemas[name] = (version, schema)
        kept.parts += schema.size.parts
        self._parts += schema.size.parts
        while kept.parts > MAX_PARTS_OF_ACCOUNT:
            self._parts -= kept.forget(next(iter(kept.schemas)))
        while self._parts > MAX_PARTS:
            _, oldest = self._accounts.popitem(last=False)
            self._parts -= oldest.parts
