"""Reseal: what lies in plain text is sealed, and what is under an older key comes under the newest, while all runs."""

from collections.abc import Callable
from typing import Final, Protocol

from flux_dispatch.domain.webhook import Resealed

RESEAL_BATCH_SIZE: Final = 200
"""In one transaction: nobody who changes one of them waits for more than some hundredths of a second."""


class Sealed(Protocol):
    """What resealing needs of the store: of webhooks, or of alert channels."""

    async def end_plain(self) -> int:
        """Have nothing more stored in plain text; return how many are to be sealed."""
        ...

    async def reseal(self, after: str | None, limit: int) -> Resealed | None:
        """Seal up to `limit` behind this one that are plain or under an older key; None when none is left."""
        ...


class Reseal:
    """Seals all of one kind; what is done stays done, so it may be ended and begun again at any time, or run twice."""

    def __init__(self, sealed: Sealed) -> None:
        self._sealed = sealed

    async def __call__(self, on_progress: Callable[[int, int], None]) -> tuple[int, list[str]]:
        """Return how many were sealed, and those that stay as they are because they do not open.

        Args:
            on_progress: told after each batch how many were looked at, and how many there were at the start.

        Raises:
            Unavailable: the database is unavailable; what was sealed until then is kept.
        """
        total = await self._sealed.end_plain()
        sealed, shut, after = 0, list[str](), None
        on_progress(0, total)
        while batch := await self._sealed.reseal(after, RESEAL_BATCH_SIZE):
            after = batch.last
            sealed += batch.sealed
            shut += batch.shut
            on_progress(sealed + len(shut), total)
        return sealed, shut
