"""A webhook: a customer's endpoint, and which events it wants."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.ids import AccountId, WebhookId
from flux_dispatch.domain.text import is_storable

MAX_PATTERNS: Final = 100
MAX_HEADERS: Final = 20
MAX_HEADER_LENGTH: Final = 4096
MAX_DESCRIPTION_LENGTH: Final = 500


class Status(StrEnum):
    """Whether deliveries to a webhook go out."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What a caller asks for when a webhook is created; every field has been checked."""

    url: str
    events: tuple[str, ...]
    description: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is stored."""

    id: WebhookId
    account: AccountId
    url: str
    events: tuple[str, ...]
    description: str
    headers: Mapping[str, str]
    status: Status
    disabled_reason: str | None
    secret: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one call did for a webhook that was deleted or disabled: how many of its deliveries it canceled."""

    webhook: WebhookId
    canceled: int


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


def validate_description(text: str) -> str:
    """Return the description.

    Raises:
        InvalidRequest: it is too long or holds a NUL character, which the database refuses.
    """
    if len(text) > MAX_DESCRIPTION_LENGTH or not is_storable(text):
        message = f"A description is at most {MAX_DESCRIPTION_LENGTH} characters of text."
        raise InvalidRequest(message, param="description")
    return text


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
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?", re.ASCII)
_OURS = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "upgrade"),
        *("keep-alive", "proxy-connection", "te", "trailer", "expect", "user-agent", "accept-encoding", "cookie"),
    }
)
_OUR_PREFIXES = ("flux-", "webhook-")
