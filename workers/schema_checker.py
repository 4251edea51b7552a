"""Checks data against schemas so that no check holds the event loop up: what may take long is checked apart."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import Mismatch, too_costly
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.batcher import BatchedCall, Call, InTurn
from flux_dispatch.schema.apart import ApartChecker, TookTooLongError
from flux_dispatch.schema.compile import Compiled

MAX_HERE: Final = 4_000_000
"""Parts of a schema times bytes of data that are checked on the event loop: 20 ms at 5 ns, which was measured."""

MAX_SLOW_HERE: Final = 50_000
"""The same of a schema with slow keywords: 40 ms at 0.8 µs, which takes a pattern made for it."""

LONG_NUMBER: Final = 100
"""Digits from which on a number takes long to compare."""

SOMEWHERE: Final = Mismatch((), "schema", "where it does not, took too long to find")

_Check: TypeAlias = tuple[AccountId, Compiled, str]


class SchemaChecker:
    """Checks data; what accounts have checked apart goes one by one, the accounts in turn."""

    def __init__(self) -> None:
        self._apart = ApartChecker()
        queue = InTurn[Call[_Check, Mismatch | None]](lambda call: call[0][0], lambda _: 1, 1)
        self._check_apart = BatchedCall(self._checked_apart, most=1, max_concurrent=1, queue=queue)

    async def mismatch(self, account: AccountId, schema: Compiled, data_text: str) -> Mismatch | None:
        """Return the first place where data, given as JSON text, does not meet the schema; None when it does.

        Raises:
            InvalidRequest: it takes more time or memory to know than it may.
        """
        if not _is_short(schema, data_text):
            return await self._check_apart((account, schema, data_text))
        is_met = schema.is_met_by(json.loads(data_text))
        await asyncio.sleep(0)  # of a thousand in a batch each is short
        if is_met:
            return None
        try:
            return await self._check_apart((account, schema, data_text))
        except InvalidRequest:
            return SOMEWHERE

    async def close(self) -> None:
        """End the process that checks apart."""
        await self._apart.close()

    async def _checked_apart(self, checks: list[_Check]) -> Sequence[Mismatch | None]:
        return [await self._checked(schema, data_text) for _, schema, data_text in checks]

    async def _checked(self, schema: Compiled, data_text: str) -> Mismatch | None:
        try:
            return await self._apart.mismatch(schema.text, data_text)
        except TookTooLongError:
            raise too_costly() from None


def _is_short(schema: Compiled, data_text: str) -> bool:
    most = MAX_SLOW_HERE if schema.size.is_slow else MAX_HERE
    if schema.size.parts * len(data_text) > most:
        return False
    # each run of digits once; a pattern for long ones would begin anew at each digit of the shorter ones
    return all(len(digits) < LONG_NUMBER for digits in _DIGITS.findall(data_text))


_DIGITS: Final = re.compile("[0-9]+")
