"""A delivery with its attempts, as several pages tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.dashboard.admission import ACCOUNT
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.attempt import AttemptRecord
from flux_dispatch.domain.errors import NotFound
from flux_dispatch.domain.ids import DeliveryId


@dataclass(frozen=True, slots=True)
class AttemptedDelivery:
    """A delivery, and what was made of it so far."""

    id: DeliveryId
    row: Row[Any]
    attempts: Sequence[AttemptRecord]

    @property
    def last(self) -> AttemptRecord | None:
        """The last attempt, if there was one."""
        return self.attempts[-1] if self.attempts else None


async def attempted(request: web.Request, delivery: DeliveryId) -> AttemptedDelivery:
    """Return a delivery of the account that the page is of.

    Raises:
        NotFound: it has no such delivery.
    """
    queries = request.app[DEPENDENCIES].delivery_queries
    row = await queries.get(request[ACCOUNT].id, delivery)
    if row is None:
        raise NotFound("There is no such delivery.")
    return AttemptedDelivery(delivery, row, await queries.attempts(delivery))
