"""Whether a process traces: what the wiring wraps its parts with, which changes nothing where tracing is off."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from aiohttp import web

from flux_dispatch.domain.event import EventData, EventDraft, PublishResult
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.deliver import Sender
from flux_dispatch.engine.relay import Outbox
from flux_dispatch.engine.send_test import Tests

_NOTHING: Final = nullcontext()


class Publish(Protocol):
    """The verb, as whoever publishes calls it."""

    @property
    def stored_events(self) -> int:
        """How many it has stored in this process."""
        ...

    async def __call__(
        self,
        account: AccountId,
        event_type: str,
        data: EventData | dict[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> PublishResult:
        """Return when the event is committed."""
        ...

    async def batch(self, account: AccountId, drafts: Sequence[EventDraft]) -> list[PublishResult]:
        """Return when all of these events are committed, in one transaction."""
        ...


class Traces(Protocol):
    """Wraps the parts of a process, so that each tells what it did."""

    def sender(self, sender: Sender) -> Sender:
        """Have each attempt recorded."""
        ...

    def publish(self, publish: Publish) -> Publish:
        """Have each publication recorded."""
        ...

    def outbox(self, outbox: Outbox) -> Outbox:
        """Have each event that is relayed recorded as published."""
        ...

    def tests(self, tests: Tests) -> Tests:
        """Have each test recorded as published."""
        ...

    def requests(self, application: web.Application) -> None:
        """Have each request to the API recorded."""
        ...

    def message(self, task: str, request: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Have the work on a Celery message recorded, with what is published in the block."""
        ...


class Untraced:
    """Tracing is off: every part stays as it is."""

    def sender(self, sender: Sender) -> Sender:
        """Return it."""
        return sender

    def publish(self, publish: Publish) -> Publish:
        """Return it."""
        return publish

    def outbox(self, outbox: Outbox) -> Outbox:
        """Return it."""
        return outbox

    def tests(self, tests: Tests) -> Tests:
        """Return it."""
        return tests

    def requests(self, application: web.Application) -> None:
        """Change nothing."""

    def message(self, task: str, request: Mapping[str, Any]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return what does nothing."""
        return _NOTHING
