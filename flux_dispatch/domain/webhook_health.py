"""The health of a webhook: whether every attempt to it fails, and what follows when that goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final

from flux_dispatch.domain.ids import AccountId, WebhookId

FAILING_AFTER: Final = timedelta(minutes=10)
"""For how long every attempt to a webhook must fail before people are told, unless the settings say another time."""

LEAST_ATTEMPTS: Final = 5
"""So many attempts must have failed before a webhook is told to fail: one event that is unwelcome is no outage."""

LAST_ATTEMPT_WITHIN: Final = timedelta(days=1)
"""A webhook is disabled only while it is tried: what had nothing to get for days may be well again."""

FAILING: Final = "failing"
"""Why a webhook is disabled to which every attempt has failed for days."""

SOONEST_LOOK: Final = timedelta(minutes=5)
LATEST_LOOK: Final = timedelta(days=1)
"""Between these a webhook is looked at again, the later the longer it has been known."""


class Health(StrEnum):
    """Where a webhook is that is not well; of one that is well nothing is stored."""

    SUSPECT = "suspect"
    """Every attempt since a moment has failed; nobody was told."""

    FAILING = "failing"
    """The same, and people were told."""

    RECOVERED = "recovered"
    """An attempt delivered again after that; people are to be told."""

    DISABLED = "disabled"
    """It answered 410, and was disabled; people are to be told."""


class Verdict(StrEnum):
    """What is to be done about a webhook that was looked at."""

    FORGET = auto()
    WAIT = auto()
    TELL_FAILING = auto()
    TELL_DISABLED = auto()
    TELL_RECOVERED = auto()
    DISABLE = auto()


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
        is_wanted: whether the webhook is enabled, and was not deleted.
        attempts: how many were made since then.
        has_delivered: whether one of them delivered after all.
        last_attempt_at: about when the last one was; None when there was none.
    """

    health: Health
    since: datetime
    is_wanted: bool
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
    now: datetime
    last_status: int | None
    last_error: str | None
    advice: str | None


def judge(record: HealthRecord, policy: HealthPolicy, now: datetime) -> Verdict:
    """Return what is to be done about a webhook."""
    match record.health:
        case Health.DISABLED:
            return Verdict.TELL_DISABLED
        case Health.RECOVERED:
            return Verdict.TELL_RECOVERED if record.is_wanted else Verdict.FORGET
        case Health.SUSPECT | Health.FAILING if record.has_delivered or not record.is_wanted:
            return Verdict.FORGET
        case Health.SUSPECT:
            if record.attempts >= LEAST_ATTEMPTS:
                return Verdict.TELL_FAILING
            return Verdict.WAIT if now - (record.last_attempt_at or record.since) < LATEST_LOOK else Verdict.FORGET
        case Health.FAILING:
            return Verdict.DISABLE if _is_over(record, policy, now) else Verdict.WAIT


def next_look(record: HealthRecord, policy: HealthPolicy, now: datetime) -> datetime:
    """Return when to look again at a webhook that is not forgotten."""
    pause = min(max(now - record.since, SOONEST_LOOK), LATEST_LOOK)
    end = record.since + policy.disable_after if policy.disable_after else now + pause
    return end if now < end < now + pause else now + pause


def _is_over(record: HealthRecord, policy: HealthPolicy, now: datetime) -> bool:
    if policy.disable_after is None or record.last_attempt_at is None:
        return False
    return now - record.since >= policy.disable_after and now - record.last_attempt_at <= LAST_ATTEMPT_WITHIN
