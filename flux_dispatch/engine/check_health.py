"""Check health: a webhook to which every attempt fails is told of, after days disabled; and when it recovers."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.domain.own_event import Links, OwnEvent, of_webhook_change
from flux_dispatch.domain.webhook_health import (
    FAILING,
    Health,
    HealthPolicy,
    UnwellWebhook,
    Verdict,
    judge,
    next_look,
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

    async def disable(self, webhooks: Sequence[WebhookId]) -> None:
        """Disable these, as far as nobody did."""
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
            judged = [(each, judge(each.record, self._policy, each.now)) for each in due.webhooks]
            if judged:
                await self._act(due, judged)
            failpoint.reach("health_checked")
        self.told.update(_KINDS[verdict] for _, verdict in judged if verdict in _KINDS)
        for each, verdict in judged:
            _log(each, verdict)
        return BUSY_SECONDS if len(judged) == PAGE else IDLE_SECONDS

    async def _act(self, due: Due, judged: Sequence[tuple[UnwellWebhook, Verdict]]) -> None:
        stays = (Verdict.WAIT, Verdict.TELL_FAILING)
        await due.forget([each.webhook for each, verdict in judged if verdict not in stays])
        looks = [
            (
                each.webhook,
                Health.FAILING if verdict is Verdict.TELL_FAILING else each.record.health,
                next_look(each.record, self._policy, each.now),
            )
            for each, verdict in judged
            if verdict in stays
        ]
        await due.look_again(looks)
        await due.disable([each.webhook for each, verdict in judged if verdict is Verdict.DISABLE])
        told = [(each, occurrence) for each, verdict in judged if (occurrence := _occurrence(each, verdict))]
        events = [of_webhook_change(occurrence, each.url, self._links) for each, occurrence in told]
        await due.note([occurrence for _, occurrence in told], events)


def _occurrence(each: UnwellWebhook, verdict: Verdict) -> Occurrence | None:
    kind = _KINDS.get(verdict)
    if kind is None:
        return None
    detail: dict[str, Any] = {"since": rfc3339_seconds(each.record.since)}
    if kind is AlertKind.WEBHOOK_DISABLED:
        detail |= {"reason": FAILING if verdict is Verdict.DISABLE else each.disabled_reason}
    if kind is not AlertKind.WEBHOOK_RECOVERED:
        last = {"last_status": each.last_status, "last_error": each.last_error, "advice": each.advice}
        detail |= {"attempts": each.record.attempts, **last}
    return Occurrence(each.account, each.webhook, kind, 1, each.now, each.now, detail)


def _log(each: UnwellWebhook, verdict: Verdict) -> None:
    if verdict in _KINDS:
        log.warning(
            f"webhook.{verdict.removeprefix('tell_')}" if verdict is not Verdict.DISABLE else "webhook.disabled",
            webhook=each.webhook,
            account=each.account,
            url=each.url,
            since=rfc3339_seconds(each.record.since),
            attempts=each.record.attempts,
        )


_KINDS: Final = {
    Verdict.TELL_FAILING: AlertKind.WEBHOOK_FAILING,
    Verdict.TELL_DISABLED: AlertKind.WEBHOOK_DISABLED,
    Verdict.TELL_RECOVERED: AlertKind.WEBHOOK_RECOVERED,
    Verdict.DISABLE: AlertKind.WEBHOOK_DISABLED,
}
