"""The health of a webhook: whether every attempt to it fails, and what follows when that goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Any, Final

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import AccountId, WebhookId

FAILING_AFTER: Final = timedelta(minutes=10)
"""For how long every attempt to a webhook must fail before people are told, unless the settings say another time."""

LEAST_ATTEMPTS: Final = 5
"""So many attempts must have failed before a webhook is told to fail: one event that is unwelcome is no outage."""

LAST_ATTEMPT_WITHIN: Final = timedelta(days=1)
"""A webhook is disabled only while it is tried: what had nothing to get for days may be well again."""

FAILING: Final = "failing"
"""Why a webhook is disabled to which every attempt has failed for days."""

DELETED: Final = "deleted"
"""Why the trouble of a webhook is over that does not deliver again."""

SOONEST_LOOK: Final = timedelta(minutes=5)
LATEST_LOOK: Final = timedelta(days=1)
"""Between these a webhook is looked at again, the later the longer it has been known."""


class Health(StrEnum):
    """Where a webhook is that is not well; of one that is well nothing is stored, but for a moment."""

    SUSPECT = "suspect"
    """Every attempt since a moment has failed; nobody was told."""

    FAILING = "failing"
    """The same, and people were told."""

    RECOVERED = "recovered"
    """An attempt delivered again after that; people are to be told."""

    DISABLED = "disabled"
    """It answered 410, and was disabled; people are to be told."""

    UNRESOLVED = "unresolved"
    """It was disabled after people were told of its trouble; that is over when it delivers, once it is enabled."""

    SUSPECT_AGAIN = "suspect_again"
    """The same, and every attempt since a moment has failed again; that nobody was told."""

    DELETED = "deleted"
    """It was deleted, so nobody can mend it any more; incidents are to be closed."""


class Verdict(StrEnum):
    """What is to be done about a webhook that was looked at."""

    FORGET = auto()
    WAIT = auto()
    REST = auto()
    """Wait for its next delivery, which is the end of a trouble that people know of."""

    TELL_FAILING = auto()
    TELL_DISABLED = auto()
    TELL_RECOVERED = auto()
    DISABLE = auto()
    CLOSE_INCIDENTS = auto()


TOLD: Final = {
    Verdict.TELL_FAILING: AlertKind.WEBHOOK_FAILING,
    Verdict.TELL_DISABLED: AlertKind.WEBHOOK_DISABLED,
    Verdict.DISABLE: AlertKind.WEBHOOK_DISABLED,
    Verdict.TELL_RECOVERED: AlertKind.WEBHOOK_RECOVERED,
    Verdict.CLOSE_INCIDENTS: AlertKind.WEBHOOK_RECOVERED,
}
"""What is told with which verdict."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When people are told that a webhook fails, and when it is disabled; `disable_after` None is never."""

    failing_after: timedelta = FAILING_AFTER
    disable_after: timedelta | None = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """What is known of a webhook.

    Attributes:
        health: as it is stored.
        since: since when every attempt has failed.
        is_enabled: whether the webhook is.
        attempts: how many have failed since then.
        has_delivered: whether one of them delivered after all.
        last_attempt_at: about when the last one was; None when there was none.
    """

    health: Health
    since: datetime
    is_enabled: bool
    attempts: int
    has_delivered: bool
    last_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnwellWebhook:
    """A webhook to look at; `advice` tells what to do about its last failed attempt, where one is found."""

    webhook: WebhookId
    account: AccountId
    url: str
    disabled_reason: str | None
    record: HealthRecord
    looked_at: datetime
    last_status: int | None
    last_error: str | None
    advice: str | None


def judge(record: HealthRecord, policy: HealthPolicy, now: datetime) -> Verdict:
    """Return what is to be done about a webhook."""
    if record.health in _DECIDED:
        return _DECIDED[record.health]
    is_known = record.health is not Health.SUSPECT  # people know of it, and are to know of its end
    left_alone = Verdict.REST if is_known else Verdict.FORGET
    if not record.is_enabled:
        return left_alone
    if record.has_delivered or record.health is Health.RECOVERED:
        return Verdict.TELL_RECOVERED if is_known else Verdict.FORGET
    if record.health is Health.FAILING:
        return Verdict.DISABLE if _is_over(record, policy, now) else Verdict.WAIT
    if record.attempts >= LEAST_ATTEMPTS:
        return Verdict.TELL_FAILING
    return Verdict.WAIT if now - (record.last_attempt_at or record.since) < LATEST_LOOK else left_alone


def health_after(verdict: Verdict, health: Health) -> Health | None:
    """Return what is stored of a webhook once that is done; None is nothing."""
    match verdict:
        case Verdict.WAIT:
            return health
        case Verdict.TELL_FAILING:
            return Health.FAILING
        case Verdict.REST | Verdict.TELL_DISABLED | Verdict.DISABLE:
            return Health.UNRESOLVED
        case Verdict.FORGET | Verdict.TELL_RECOVERED | Verdict.CLOSE_INCIDENTS:
            return None


def occurrence_of(each: UnwellWebhook, verdict: Verdict) -> Occurrence | None:
    """Return what people are told when that is done; None is nothing."""
    kind = TOLD.get(verdict)
    if kind is None:
        return None
    is_deleted = verdict is Verdict.CLOSE_INCIDENTS
    detail = {"reason": DELETED} if is_deleted else _detail(each, verdict, kind)
    return Occurrence(
        each.account, each.webhook, kind, 1, each.looked_at, each.looked_at, detail, closes_only=is_deleted
    )


def next_look(record: HealthRecord, policy: HealthPolicy, now: datetime) -> datetime:
    """Return when to look again at a webhook that is not forgotten."""
    pause = min(max(now - record.since, SOONEST_LOOK), LATEST_LOOK)
    end = record.since + policy.disable_after if policy.disable_after else now + pause
    return end if now < end < now + pause else now + pause


def _is_over(record: HealthRecord, policy: HealthPolicy, now: datetime) -> bool:
    if policy.disable_after is None or record.last_attempt_at is None:
        return False
    return now - record.since >= policy.disable_after and now - record.last_attempt_at <= LAST_ATTEMPT_WITHIN


def _detail(each: UnwellWebhook, verdict: Verdict, kind: AlertKind) -> Mapping[str, Any]:
    detail: dict[str, Any] = {"since": rfc3339_seconds(each.record.since)}
    if kind is AlertKind.WEBHOOK_DISABLED:
        detail |= {"reason": FAILING if verdict is Verdict.DISABLE else each.disabled_reason}
    if kind is not AlertKind.WEBHOOK_RECOVERED:
        last = {"last_status": each.last_status, "last_error": each.last_error, "advice": each.advice}
        detail |= {"attempts": each.record.attempts, **last}
    return detail


_DECIDED: Final = {
    Health.DELETED: Verdict.CLOSE_INCIDENTS,
    Health.DISABLED: Verdict.TELL_DISABLED,
    Health.UNRESOLVED: Verdict.WAIT,
}
"""What is done whatever else is known."""
