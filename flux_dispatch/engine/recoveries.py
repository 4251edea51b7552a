"""Recoveries: somebody asks for all that a webhook missed, wants to know first how much it is, or has enough of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, RecoveryId, WebhookId
from flux_dispatch.domain.recovery import Missed, NotBegun, Recovery, RecoveryStatus, Span, span_of


class RecoveryStore(Protocol):
    """What these verbs need of the store."""

    async def begin(self, account: AccountId, webhook: WebhookId, span: Span) -> Recovery | NotBegun | None:
        """Store a recovery of an enabled webhook that has none which is not over; None: there is no such webhook."""
        ...

    async def cancel(self, account: AccountId, recovery: RecoveryId) -> Recovery | None:
        """End a recovery if it is not over, and return it as it stands then; None: there is none."""
        ...


class MissedQueries(Protocol):
    """What counting needs of the store."""

    async def count(self, account: AccountId, webhook: WebhookId, span: Span) -> Missed | None:
        """Return how much a webhook missed; None: there is no such webhook."""
        ...


class Clock(Protocol):
    """Tells the time as the database has it."""

    async def now(self) -> datetime:
        """Return the time."""
        ...


class Recoveries:
    """Begins recoveries, says beforehand how much they will find, and cancels them."""

    def __init__(self, recoveries: RecoveryStore, missed: MissedQueries, clock: Clock) -> None:
        self._recoveries = recoveries
        self._missed = missed
        self._clock = clock

    async def count(
        self, account: AccountId, webhook: WebhookId, *, since: datetime, until: datetime | None
    ) -> tuple[Span, Missed]:
        """Return how much a recovery would find now, of a webhook that may also be disabled; nothing is changed.

        Raises:
            NotFound: the account has no such webhook.
            InvalidRequest: 422, there is no such span.
            QueryTooSlow: it takes too long to count so much.
        """
        span = await self._span(since, until)
        missed = await self._missed.count(account, webhook, span)
        if missed is None:
            raise NotFound(f"There is no webhook {webhook}.")
        return span, missed

    async def begin(
        self, account: AccountId, webhook: WebhookId, *, since: datetime, until: datetime | None
    ) -> Recovery:
        """Return a recovery that workers will do; it is stored.

        Raises:
            NotFound: the account has no such webhook.
            InvalidRequest: 422, there is no such span; 409, the webhook is disabled, or has another recovery.
            Unavailable: the database is unavailable.
        """
        begun = await self._recoveries.begin(account, webhook, await self._span(since, until))
        match begun:
            case None:
                raise NotFound(f"There is no webhook {webhook}.")
            case NotBegun():
                raise _refused(webhook, begun)
            case _:
                return begun

    async def cancel(self, account: AccountId, recovery: RecoveryId) -> Recovery:
        """Return the recovery canceled, if it was not before; what it has recovered stays so.

        Raises:
            NotFound: the account has no such recovery.
            InvalidRequest: 409, it is completed.
            Unavailable: the database is unavailable.
        """
        found = await self._recoveries.cancel(account, recovery)
        if found is None:
            raise NotFound(f"There is no {recovery}.")
        if found.status is RecoveryStatus.COMPLETED:
            message = "It is completed: everything that it found is recovered, so there is nothing to cancel."
            raise InvalidRequest(message, code="recovery_completed", status=HTTPStatus.CONFLICT)
        return found

    async def _span(self, since: datetime, until: datetime | None) -> Span:
        return span_of(since, until, now=await self._clock.now())


def _refused(webhook: WebhookId, why: NotBegun) -> InvalidRequest:
    if why.open is None:
        message = f"The webhook {webhook} is disabled. Enable it first, then recover what it missed."
        return InvalidRequest(message, code="webhook_not_enabled", status=HTTPStatus.CONFLICT)
    message = f"{why.open} is recovering what this webhook missed. Wait until it is over, or cancel it: "
    message += f"POST /v1/recoveries/{why.open}/cancel."
    return InvalidRequest(message, code="recovery_open", status=HTTPStatus.CONFLICT)
