"""A notification: one message to one alert channel, of what it is to be told of by then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId, AlertChannelId, NotificationId

MOST_DIGESTS: Final = 20
"""How many digests one message tells in full; of more it says how many there are."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a channel is to be told of one subject and kind.

    Attributes:
        kind: of what.
        subject: the id of the webhook, or the name of the condition.
        account: whose webhook it is; None for a condition.
        endpoint: the URL of the webhook; empty for a condition.
        name: what people call the webhook; may be empty.
        count: how many times it happened since the last message.
        first_at: when it did first.
        last_at: when it did last.
        detail: the last one of them.
        is_over: whether the last that the channel asks for, of this subject and of whatever kind, is that all is well.
    """

    kind: AlertKind
    subject: str
    account: AccountId | None
    endpoint: str
    name: str
    count: int
    first_at: datetime
    last_at: datetime
    detail: Mapping[str, Any]
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a message does not list of one kind: of how many webhooks or conditions, and how often."""

    subjects: int
    times: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A message as a worker has claimed it; `url` is None where it does not open, and `trouble` says why."""

    id: NotificationId
    channel: AlertChannelId
    account: AccountId | None
    service: str
    digests: tuple[Digest, ...]
    beyond: Mapping[AlertKind, Beyond]
    attempt: int
    lease_token: str
    created_at: datetime
    url: str | None
    trouble: str | None = None
