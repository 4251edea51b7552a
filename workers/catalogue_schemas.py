"""The schemas that published data must meet: read from the catalogue, compiled, and remembered for moments."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import Mismatch
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.batcher import BatchedCall
from flux_dispatch.engine.flow.short_memory import ShortMemory
from flux_dispatch.schema.compile import Compiled
from flux_dispatch.store.event_types import EventTypeStore
from workers.kept_schemas import KeptSchemas
from workers.schema_checker import SchemaChecker

CACHE_SECONDS: Final = 3.0
"""A change of the catalogue is felt within this, in every process."""

ACCOUNTS_AT_ONCE: Final = 200


class CatalogueSchemas:
    """Checks data against the schema of its type.

    Which types of an account have a schema is remembered, and asked anew before it is forgotten; so what is published
    again and again waits for no statement, and a type without a schema costs a look into the memory.

    Args:
        event_types: the store.
    """

    def __init__(self, event_types: EventTypeStore) -> None:
        self._event_types = event_types
        self._checker = SchemaChecker()
        self._kept = KeptSchemas()
        self._versions = ShortMemory[AccountId, Mapping[str, int]](
            BatchedCall(event_types.schema_versions, most=ACCOUNTS_AT_ONCE, max_concurrent=1), CACHE_SECONDS
        )

    async def look_up(self, accounts: Iterable[AccountId]) -> None:
        """Find out which types of these accounts have a schema, of all together; it is remembered."""
        await asyncio.gather(*map(self._versions.get, accounts))

    async def mismatch(self, account: AccountId, event_type: str, data_text: str) -> Mismatch | None:
        """Return where the data does not meet the schema of its type, None when it does or there is none."""
        version = (await self._versions.get(account) or {}).get(event_type)
        if version is None:
            return None
        schema = self._kept.get(account, event_type, version) or await self._read(account, event_type)
        return None if schema is None else await self._checker.mismatch(account, schema, data_text)

    async def check(self, account: AccountId, schema_text: str, example_text: str | None) -> Mismatch | None:
        """Return where an example does not meet a schema; InvalidRequest when the schema cannot be used."""
        schema = Compiled(schema_text)
        if example_text is None:
            return None
        try:
            return await self._checker.mismatch(account, schema, example_text)
        except InvalidRequest as error:
            raise InvalidRequest(error.message, param="example", code=error.code) from None

    async def close(self) -> None:
        """End what checks apart."""
        await self._checker.close()

    async def _read(self, account: AccountId, event_type: str) -> Compiled | None:
        found = await self._event_types.schema_of(account, event_type)
        if found is None:
            return None
        version, text = found
        schema = Compiled(text)
        self._kept.keep(account, event_type, version, schema)
        return schema
