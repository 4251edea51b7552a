"""Check health: a webhook to which every attempt fails is told of, after days disabled; and when it recovers."""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.domain.own_event import Links, OwnEvent, of_webhook_change
from flux_dispatch.domain.webhook_health import (
    SOONEST_LOOK,
    Health,
    HealthPolicy,
    UnwellWebhook,
    Verdict,
    health_after,
    judge,
    next_look,
    occurrence_of,
)
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.side_work import IDLE_SECONDS

PAGE: Final = 50
BUSY_SECONDS: Final = 0.1

log = structlog.get_logger("flux.health")


class Due(Protocol):
    """What one transaction has in hand; nobody else has it."""

    webhooks: Sequence[UnwellWebhook]

    async def forget(self, webhooks: Sequence[WebhookId]) -> None:
        """Have nothing stored of these."""
        ...

    async def look_again(self, looks: Sequence[tuple[WebhookId, Health, datetime]]) -> None:
        """Have these looked at again at these times."""
        ...

    async def disable(self, webhooks: Collection[WebhookId]) -> set[WebhookId]:
        """Disable these, but for those that somebody else has in hand or disabled; return which were."""
        ...

    async def note(self, occurrences: Sequence[Occurrence], events: Sequence[OwnEvent]) -> None:
        """Have channels told, and events published to the webhooks that ask for them."""
        ...


class Healths(Protocol):
    """What checking needs of the store."""

    def take(self, limit: int) -> AbstractAsyncContextManager[Due]:
        """Take up to so many webhooks whose time has come; committed with the block's end."""
        ...


class CheckHealth:
    """Looks at webhooks that are not well.

    That a state is changed and that people are told of it is one transaction: whatever a dying worker leaves undone,
    the next one finds as it was.
    """

    def __init__(self, healths: Healths, policy: HealthPolicy, links: Links) -> None:
        self._healths = healths
        self._policy = policy
        self._links = links
        self.told = Counter[AlertKind]()
        """How many changes of webhooks people were told of here."""

    async def run_once(self) -> float:
        """Look at one page, and return after how many seconds to come again.

        Raises:
            Unavailable: the database is unavailable.
        """
        async with self._healths.take(PAGE) as due:
            done = await self._act(due) if due.webhooks else []
            failpoint.reach("health_checked")
        for each, occurrence in done:
            self.told[occurrence.kind] += 1
            _log(each, occurrence)
        return BUSY_SECONDS if len(due.webhooks) == PAGE else IDLE_SECONDS

    async def _act(self, due: Due) -> list[tuple[UnwellWebhook, Occurrence]]:
        """Do what is to be done, and return what people were told of it."""
        judged = [(each, judge(each.record, self._policy, each.looked_at)) for each in due.webhooks]
        over = {each.webhook for each, verdict in judged if verdict is Verdict.DISABLE}
        held = over - await due.disable(over)
        judged = [(each, Verdict.WAIT if each.webhook in held else verdict) for each, verdict in judged]
        after = [(each, health_after(verdict, each.record.health)) for each, verdict in judged]
        await due.forget([each.webhook for each, health in after if health is None])
        looks = [
            (each.webhook, health, self._next_look(each, is_held=each.webhook in held))
            for each, health in after
            if health
        ]
        await due.look_again(looks)
        occurred = [(each, occurrence) for each, verdict in judged if (occurrence := occurrence_of(each, verdict))]
        told = [(each, occurrence) for each, occurrence in occurred if not occurrence.closes_only]
        events = [of_webhook_change(occurrence, each.url, self._links) for each, occurrence in told]
        await due.note([occurrence for _, occurrence in occurred], events)
        return told

    def _next_look(self, each: UnwellWebhook, *, is_held: bool) -> datetime:
        """Return when to look again; whoever has one in hand is done with it in a moment."""
        return each.looked_at + SOONEST_LOOK if is_held else next_look(each.record, self._policy, each.looked_at)


def _log(each: UnwellWebhook, occurrence: Occurrence) -> None:
    log.warning(
        occurrence.kind.replace("_", "."),
        webhook=each.webhook,
        account=each.account,
        url=each.url,
        since=rfc3339_seconds(each.record.since),
        attempts=each.record.attempts,
    )
