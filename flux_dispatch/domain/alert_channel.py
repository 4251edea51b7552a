"""An alert channel: where people want to be told, and of what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId, AlertChannelId
from flux_dispatch.domain.text import is_storable, validate_text

MAX_NAME_LENGTH: Final = 100
MAX_CHANNEL_URL_LENGTH: Final = 1000


class AlertKind(StrEnum):
    """What people are told of."""

    DELIVERY_FAILED = "delivery_failed"
    """The last attempt of a delivery failed."""

    WEBHOOK_FAILING = "webhook_failing"
    """Every attempt to a webhook has failed for a while; it is still enabled."""

    WEBHOOK_DISABLED = "webhook_disabled"
    """A webhook was disabled: it answered 410, or every attempt has failed for days."""

    WEBHOOK_RECOVERED = "webhook_recovered"
    """A webhook that was told of as failing or disabled delivers again."""

    PLATFORM_TROUBLE = "platform_trouble"
    """For operators: a condition of the installation has begun."""

    PLATFORM_WELL = "platform_well"
    """For operators: such a condition is over."""


OF_WEBHOOKS: Final = (
    AlertKind.DELIVERY_FAILED,
    AlertKind.WEBHOOK_FAILING,
    AlertKind.WEBHOOK_DISABLED,
    AlertKind.WEBHOOK_RECOVERED,
)
"""What the channel of an account may ask for."""

ENDINGS: Final = frozenset({AlertKind.WEBHOOK_RECOVERED, AlertKind.PLATFORM_WELL})
"""What tells that something is over; all else is trouble."""

WORST_FIRST: Final = (
    AlertKind.PLATFORM_TROUBLE,
    AlertKind.WEBHOOK_DISABLED,
    AlertKind.DELIVERY_FAILED,
    AlertKind.WEBHOOK_FAILING,
    AlertKind.WEBHOOK_RECOVERED,
    AlertKind.PLATFORM_WELL,
)
"""In the order in which a message tells them."""

HAVE_INCIDENTS: Final = frozenset({"pagerduty"})
"""Services in which a webhook that is in trouble is an incident, open until it is closed."""


class ChannelStatus(StrEnum):
    """Whether messages to a channel go out."""

    ENABLED = "enabled"
    DISABLED = "disabled"


UNREACHABLE: Final = "unreachable"
"""Why a channel is disabled to which every message has failed for days."""


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """The URL of a channel that was found good: which service it is of, and what may be shown of where it leads."""

    url: str
    service: str
    target: str


@dataclass(frozen=True, slots=True)
class NewAlertChannel:
    """A channel that is to be made."""

    url: CheckedUrl
    name: str
    kinds: tuple[AlertKind, ...]


@dataclass(frozen=True, slots=True)
class AlertChannelChange:
    """What is to change of a channel; None is left as it is."""

    url: CheckedUrl | None = None
    name: str | None = None
    kinds: tuple[AlertKind, ...] | None = None
    status: ChannelStatus | None = None


@dataclass(frozen=True, slots=True)
class AlertChannel:
    """A channel as people see it; its URL holds secrets, and only `target` may be shown of it.

    `failing_since` is None while the last message arrived, or none was sent; `failures` counts attempts since then.
    """

    id: AlertChannelId
    account: AccountId | None
    name: str
    service: str
    target: str
    kinds: tuple[str, ...]
    status: ChannelStatus
    disabled_reason: str | None
    last_sent_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    failing_since: datetime | None
    failures: int
    created_at: datetime
    updated_at: datetime


def validate_kinds(kinds: Sequence[str]) -> tuple[AlertKind, ...]:
    """Return the kinds that a channel of an account asks for, without repeats.

    Raises:
        InvalidRequest: there is none, or one that is not among OF_WEBHOOKS.
    """
    names = ", ".join(OF_WEBHOOKS)
    if not kinds:
        raise InvalidRequest(f"Name at least one kind of alert: {names}.", param="kinds")
    for index, kind in enumerate(kinds):
        if kind not in set(OF_WEBHOOKS):
            raise InvalidRequest(f"{kind[:60]!r} is no kind of alert: they are {names}.", param=f"kinds[{index}]")
    return tuple(AlertKind(kind) for kind in dict.fromkeys(kinds))


def validate_channel_url(text: str) -> str:
    """Return the URL of a channel as it was given, apart from white space around it; what it names is not looked at.

    Raises:
        InvalidRequest: it has no characters, too many, or some that no URL has.
    """
    text = text.strip()
    if not 0 < len(text) <= MAX_CHANNEL_URL_LENGTH:
        raise InvalidRequest(f"A URL has 1 to {MAX_CHANNEL_URL_LENGTH} characters.", param="url", code="invalid_url")
    decoded = _decoded(text)
    if not is_storable(decoded) or not decoded.isprintable():
        message = "The URL has a line break, a tab or another character in it that no URL has: take it out."
        raise InvalidRequest(message, param="url", code="invalid_url")
    return text


def _decoded(url: str) -> str:
    """Return what escapes stand for, also of escapes: some of it is shown, and some is in the headers of mails."""
    while (decoded := unquote(url)) != url:
        url = decoded
    return url


def validate_channel_name(text: str) -> str:
    """Return the name that people know a channel by.

    Raises:
        InvalidRequest: it is too long, or holds what the database cannot keep.
    """
    return validate_text(text, "name", most=MAX_NAME_LENGTH, least=0)


def validate_channel_status(text: str) -> ChannelStatus:
    """Return the status that is asked for.

    Raises:
        InvalidRequest: there is no such status.
    """
    if text not in set(ChannelStatus):
        raise InvalidRequest(f"{text[:60]!r} is not a status: give enabled or disabled.", param="status")
    return ChannelStatus(text)
