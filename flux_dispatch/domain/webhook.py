"""A webhook: a customer's endpoint, and which events it wants."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.ids import AccountId, WebhookId
from flux_dispatch.domain.text import validate_text

MAX_PATTERNS: Final = 100
MAX_HEADERS: Final = 20
HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
HEADER_VALUE: Final = r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?"
MAX_HEADER_LENGTH: Final = 4096
MAX_DESCRIPTION_LENGTH: Final = 500
MAX_REASON_LENGTH: Final = 200

MAX_SECRETS: Final = 10
"""How many sign at once: each makes the two headers of signatures longer."""

DEFAULT_OVERLAP: Final = timedelta(days=1)
MAX_OVERLAP: Final = timedelta(days=7)
"""How long an old secret may go on signing beside the new one."""

BY_HAND: Final = "by_hand"
"""Why a webhook is disabled that its owner disabled and said no more."""


class Status(StrEnum):
    """Whether deliveries to a webhook go out."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What a caller asks for when a webhook is created."""

    url: str
    events: tuple[str, ...]
    description: str
    headers: Mapping[str, str]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What a caller asks to change of a webhook; None is left as it is, all else takes the place of what was there."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    headers: Mapping[str, str] | None = None
    metadata: Mapping[str, str] | None = None
    status: str | None = None
    disabled_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is stored, without its secrets; `headers` is None when they do not open.

    One that `is_listen` belongs to a listen session, and ends with it.
    """

    id: WebhookId
    account: AccountId
    url: str
    events: tuple[str, ...]
    description: str
    headers: Mapping[str, str] | None
    metadata: Mapping[str, str]
    status: Status
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime
    is_listen: bool


class OfListenSession(InvalidRequest):
    """The webhook is a listen session's: it is as that was made, and ends with it."""

    def __init__(self, webhook: WebhookId) -> None:
        super().__init__(
            f"{webhook} belongs to a listen session: it cannot be changed, and ends with the session. End that with "
            "DELETE /v1/listen/{id}.",
            code="webhook_of_listen_session",
            status=HTTPStatus.CONFLICT,
        )


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """The newest secret of a webhook, and when each of the older ones ends that sign beside it."""

    newest: str
    older_expire_at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one call did for a webhook that was deleted or disabled: how many of its deliveries it canceled."""

    webhook: WebhookId
    canceled: int


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one batch of sealing anew came to: the id of the last looked at, how many were sealed, which do not open."""

    last: str
    sealed: int
    shut: tuple[str, ...]


def validate_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the event patterns without repeats, in the order given: exact types, `order.*`, or `*`.

    Raises:
        InvalidRequest: there are none, too many, or one that is no pattern.
    """
    if not 0 < len(patterns) <= MAX_PATTERNS:
        message = f"Name 1 to {MAX_PATTERNS} event types, or * for all."
        raise InvalidRequest(message, param="events")
    for index, pattern in enumerate(patterns):
        if len(pattern) > MAX_TYPE_LENGTH or _PATTERN.fullmatch(pattern) is None:
            message = f"{pattern[:60]!r} is not an event type: write order.completed, order.* or *."
            raise InvalidRequest(message, param=f"events[{index}]", code="invalid_event_type")
    return tuple(dict.fromkeys(patterns))


def validate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the custom headers that each POST shall carry.

    Raises:
        InvalidRequest: too many, too long, not a header (RFC 9110, 5.6.2 and 5.5), or one that is ours to set.
    """
    if len(headers) > MAX_HEADERS:
        message = f"At most {MAX_HEADERS} headers."
        raise InvalidRequest(message, param="headers")
    for name, value in headers.items():
        _check_header(name, value)
    if len({name.lower() for name in headers}) < len(headers):
        message = "A header is named twice; names do not differ by case."
        raise InvalidRequest(message, param="headers")
    return dict(headers)


def validate_status(status: str | None, reason: str | None) -> tuple[Status | None, str | None]:
    """Return the status that is asked for, and why it is disabled if it is.

    Raises:
        InvalidRequest: there is no such status, or a reason that is too long or comes without `disabled`.
    """
    if status is not None and status not in set(Status):
        message = f"{status[:60]!r} is not a status: give enabled or disabled."
        raise InvalidRequest(message, param="status")
    if reason is not None and status != Status.DISABLED:
        message = "A reason for disabling needs the status disabled beside it."
        raise InvalidRequest(message, param="disabled_reason")
    if reason is not None:
        validate_text(reason, "disabled_reason", most=MAX_REASON_LENGTH)
    return Status(status) if status else None, (reason or BY_HAND) if status == Status.DISABLED else None


def validate_overlap(seconds: int) -> timedelta:
    """Return for how long the secret that is replaced goes on signing.

    Raises:
        InvalidRequest: it is negative, or longer than MAX_OVERLAP.
    """
    most = int(MAX_OVERLAP.total_seconds())
    if not 0 <= seconds <= most:
        message = f"expires_in is the seconds for which the old secret goes on signing, from 0 to {most} (seven days)."
        raise InvalidRequest(message, param="expires_in")
    return timedelta(seconds=seconds)


def expiries_after_rotation(
    expire_at: Sequence[datetime | None], now: datetime, overlap: timedelta
) -> tuple[datetime | None, ...]:
    """Return when each secret ends once a new one has come; None for one that signs no more.

    Args:
        expire_at: when each ends until now, the newest first; None for that one.
        now: an expiry that is not after it is over.
        overlap: how long the newest until now goes on signing; zero ends all that are older than the new one.

    Raises:
        InvalidRequest: more secrets than MAX_SECRETS would sign at once.
    """
    if not overlap:
        return (None,) * len(expire_at)
    ends = [until or now + overlap for until in expire_at]
    left = tuple(until if until > now else None for until in ends)
    if 1 + len(left) - left.count(None) > MAX_SECRETS:
        message = f"{MAX_SECRETS} secrets sign for this webhook already. Wait until one expires, or end all older ones "
        message += "now with expires_in 0."
        raise InvalidRequest(message, code="too_many_secrets", status=HTTPStatus.CONFLICT)
    return left


def validate_description(text: str) -> str:
    """Return the description.

    Raises:
        InvalidRequest: it is too long or holds a NUL character, which the database refuses.
    """
    return validate_text(text, "description", most=MAX_DESCRIPTION_LENGTH, least=0)


def _check_header(name: str, value: str) -> None:
    param = f"headers.{name[:60]}"
    if _TOKEN.fullmatch(name) is None:
        message = f"{name[:60]!r} cannot be a header name."
        raise InvalidRequest(message, param=param)
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIXES):
        message = f"The header {name} is set by Flux Dispatch or by HTTP itself; choose another name."
        raise InvalidRequest(message, param=param)
    if len(name) + len(value) > MAX_HEADER_LENGTH or _VALUE.fullmatch(value) is None:
        message = (
            f"The value of {name} must be visible ASCII, with name and value at most {MAX_HEADER_LENGTH} characters."
        )
        raise InvalidRequest(message, param=param)


_PATTERN = re.compile(r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?", re.ASCII)
_TOKEN = re.compile(HEADER_NAME, re.ASCII)
_VALUE = re.compile(HEADER_VALUE, re.ASCII)
_OURS = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "upgrade"),
        *("keep-alive", "proxy-connection", "te", "trailer", "expect", "user-agent", "accept-encoding", "cookie"),
    }
)
_OUR_PREFIXES = ("flux-", "webhook-")
