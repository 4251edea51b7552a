"""What the API is made of: handed over by the wiring, so that this package opens nothing itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from flux_dispatch.domain.event import EventData, PublishResult
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.subscribe import Subscribe
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.keys import KeyStore
from flux_dispatch.store.reads import Reads


class Publish(Protocol):
    """The accept verb, as the API calls it."""

    async def __call__(
        self, account: AccountId, event_type: str, data: EventData, *, idempotency_key: str | None = None
    ) -> PublishResult:
        """Return when the event is committed."""
        ...


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The verbs and reads behind the endpoints.

    `check_parts` says of each part why it cannot be used, None if it can; without `database` the API is not ready.
    """

    publish: Publish
    subscribe: Subscribe
    reads: Reads
    keys: KeyStore
    accounts: AccountStore
    check_parts: Callable[[], Awaitable[Mapping[str, str | None]]]
    max_body_bytes: int


PARTS: Final = web.AppKey("parts", ApiParts)
"""Where a handler finds them: `request.app[PARTS]`."""
