"""Checks what a caller gives before a request leaves, in the words in which the API would refuse it.

What depends on the server's settings (which URLs a webhook may have, how large a body may be) is left to the server. A
test sends each of these mistakes to a real API and compares code, param and message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from flux_webhooks.errors import InvalidRequestError, NotFoundError
from flux_webhooks.numbers import in_words

STATES: Final = ("pending", "sending", "scheduled", "exhausted", "delivered", "failed", "canceled")
EVENT_STATUSES: Final = ("pending", "delivered", "failed", "canceled", "unmatched")
PERIODS: Final = ("24h", "7d", "30d")
SCOPES: Final = ("events:write", "webhooks:write", "event_types:write", "read", "audit_log:read", "admin")
OUTCOMES: Final = (
    *("http_status", "timeout", "connection_refused", "connection_reset", "connection_failed", "dns_error"),
    *("tls_error", "bad_response", "blocked_address", "worker_lost"),
)
EXPORT_FORMATS: Final = ("csv", "jsonl")
_MOST_LISTED: Final = 100
_MOST_PATTERNS: Final = 100
_MOST_METADATA: Final = 50
_MOST_IN_A_KEY: Final = 40
_MOST_IN_A_VALUE: Final = 500
_MOST_IN_A_TYPE: Final = 128
_OWN_EVENTS: Final = "flux."
_MOST_IN_A_URL: Final = 2048
_MOST_IN_AN_EXTERNAL_ID: Final = 255


def invalid(
    message: str, param: str | None = None, code: str = "invalid_value", status: int = 422
) -> InvalidRequestError:
    """Return the error for a value that cannot be used."""
    return InvalidRequestError(message, code=code, status=status, param=param)


def text(value: object, param: str) -> str:
    """Return a text. Raises InvalidRequestError if it is none, as all of these do."""
    if not isinstance(value, str):
        raise _wrong(param, "string")
    return value


def whole(value: object, param: str) -> int:
    """Return a whole number; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(param, "integer")
    return value


def truth(value: object, param: str) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise _wrong(param, "boolean")
    return value


def json_object(value: object, param: str) -> dict[str, Any]:
    """Return a dictionary."""
    if not isinstance(value, dict):
        raise _wrong(param, "dictionary")
    return value


def texts(values: object, param: str) -> list[str]:
    """Return a list of texts; any sequence will do but a text, whose characters are hardly meant."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise _wrong(param, "list")
    return [text(each, f"{param}[{index}]") for index, each in enumerate(values)]


def text_map(values: object, param: str) -> dict[str, str]:
    """Return a dictionary of texts."""
    if not isinstance(values, Mapping):
        raise _wrong(param, "dictionary")
    return {text(name, param): text(value, f"{param}.{name[:60]}") for name, value in values.items()}


def text_of(value: object, param: str, *, most: int, least: int = 1) -> str:
    """Return a text of so many characters that can be stored."""
    given = text(value, param)
    if not least <= len(given) <= most or not is_storable(given):
        raise invalid(f"{param} is text of {least} to {most} characters.", param)
    return given


def whole_of(value: object, param: str, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    given = whole(value, param)
    if not least <= given <= most:
        raise invalid(f"{param} is a number from {least} to {most}.", param)
    return given


def metadata(values: object) -> dict[str, str]:
    """Return what a caller wants kept beside a thing."""
    given = text_map(values, "metadata")
    if len(given) > _MOST_METADATA:
        raise invalid(f"metadata has at most {_MOST_METADATA} keys.", "metadata")
    for key, value in given.items():
        if not 0 < len(key) <= _MOST_IN_A_KEY or not is_storable(key):
            raise invalid(f"A key of metadata is text of 1 to {_MOST_IN_A_KEY} characters.", "metadata")
        text_of(value, f"metadata.{key}", most=_MOST_IN_A_VALUE, least=0)
    return given


def url(value: object) -> str:
    """Return the URL of a webhook; which ones it may have, the server knows."""
    given = text(value, "url")
    if not 0 < len(given) <= _MOST_IN_A_URL:
        message = f"A URL has 1 to {_MOST_IN_A_URL} characters; this one has {len(given)}."
        raise invalid(message, "url", "invalid_url")
    return given


def external_id(value: object) -> str:
    """Return what a platform calls an account."""
    given = text(value, "external_id")
    fits = 0 < len(given) <= _MOST_IN_AN_EXTERNAL_ID and given.isprintable() and given == given.strip()
    if not fits or not is_storable(given):
        message = f"external_id is 1 to {_MOST_IN_AN_EXTERNAL_ID} printable characters, without a space at its ends."
        raise invalid(message, "external_id")
    return given


def event_type(value: object, param: str = "type") -> str:
    """Return an event type."""
    return event_type_in(text(value, param), param)


def event_type_in(given: str, param: str) -> str:
    """Return an event type that is known to be a text."""
    if len(given) > _MOST_IN_A_TYPE or _TYPE.fullmatch(given) is None:
        message = (
            f"An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, "
            f"of at most {_MOST_IN_A_TYPE} characters."
        )
        raise invalid(message, param, "invalid_event_type")
    return given


def publishable_type(value: object, param: str = "type") -> str:
    """Return an event type that others than Flux Dispatch itself may publish and describe."""
    given = event_type(value, param)
    if given.startswith(_OWN_EVENTS):
        message = (
            f"Types that begin with {_OWN_EVENTS} are of what Flux Dispatch tells itself: give yours another name."
        )
        raise invalid(message, param, "invalid_event_type")
    return given


def patterns(values: object) -> list[str]:
    """Return the event types that a webhook wants."""
    given = texts(values, "events")
    if not 0 < len(given) <= _MOST_PATTERNS:
        raise invalid(f"Name 1 to {_MOST_PATTERNS} event types, or * for all.", "events")
    for index, each in enumerate(given):
        if len(each) > _MOST_IN_A_TYPE or _PATTERN.fullmatch(each) is None:
            message = f"{each[:60]!r} is not an event type: write order.completed, order.* or *."
            raise invalid(message, f"events[{index}]", "invalid_event_type")
    return given


def scopes(values: object) -> list[str]:
    """Return the scopes of an API key."""
    given = texts(values, "scopes")
    if not given:
        raise invalid(f"Name at least one scope of {', '.join(SCOPES)}.", "scopes")
    for index, each in enumerate(given):
        if each not in SCOPES:
            raise invalid(f"{each[:60]!r} is not a scope. There are: {', '.join(SCOPES)}.", f"scopes[{index}]")
    return given


def instant(value: object, param: str) -> str:
    """Return a time of a body as it travels: an aware datetime, or a text of RFC 3339."""
    if not isinstance(value, datetime):
        text(value, param)
    return _written(value, invalid(_LIKE_A_TIME, param))


def query_id(value: object, param: str, prefix: str) -> str:
    """Return an id that narrows a list."""
    return _id(value, prefix, _parameter(_not_an_id(value, prefix), param))


def body_id(value: object, param: str, prefix: str) -> str:
    """Return an id that a body names."""
    return _id(text(value, param), prefix, invalid(_not_an_id(value, prefix), param))


def account_id(value: object) -> str:
    """Return the id of an account, for where an external id will not do."""
    return _id(value, "acct", invalid(_not_an_id(value, "acct"), code="malformed_id"))


def path_id(value: object, prefix: str) -> str:
    """Return the id of what is asked for. Raises NotFoundError for one that cannot be one, as the API does."""
    return _id(value, prefix, NotFoundError(_not_an_id(value, prefix), code="not_found", status=404))


def path_account(value: object) -> str:
    """Return how an account is named: acct_… or ext:…. Raises NotFoundError for what cannot name one."""
    names = isinstance(value, str) and value.startswith(("acct_", "ext:")) and value.isprintable()
    if not isinstance(value, str) or not names or not is_storable(value):
        named = in_words(value)
        # half a surrogate pair could not even be printed
        printable = named if is_storable(named) else repr(named)
        raise NotFoundError(f"There is no account {printable}.", code="not_found", status=404)
    return value


def path_event_type(value: object) -> str:
    """Return the name of an event type. Raises NotFoundError for what cannot be one, as the API does."""
    given = value if isinstance(value, str) else in_words(value)
    try:
        return event_type_in(given, "name")
    except InvalidRequestError:
        raise NotFoundError(f"There is no event type {given[:128]!r}.", code="not_found", status=404) from None


def query_limit(value: object) -> int:
    """Return how many a page may list."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_LISTED:
        raise _parameter(f"limit is a number from 1 to {_MOST_LISTED}.", "limit")
    return value


def query_choice(value: object, param: str, known: Iterable[str]) -> str:
    """Return one of the names that a parameter may have."""
    given = value if isinstance(value, str) else in_words(value)
    if given not in known:
        raise _parameter(f"{given[:60]!r} is none of {', '.join(known)}.", param)
    return given


def query_text(value: object, param: str) -> str:
    """Return a text that narrows a list; which ones there are, the server knows."""
    if not isinstance(value, str) or not value or not is_storable(value):
        raise _parameter(f"{param} is text.", param)
    return value


def query_truth(value: object, param: str) -> str:
    """Return True or False as a query has it."""
    if not isinstance(value, bool):
        raise _parameter("Give true or false.", param)
    return "true" if value else "false"


def query_instant(value: object, param: str) -> str:
    """Return a time as a query has it."""
    return _written(value, _parameter(_LIKE_A_TIME, param))


def query_event_type(value: object) -> str:
    """Return the event type that narrows a list."""
    try:
        return event_type_in(value if isinstance(value, str) else in_words(value), "type")
    except InvalidRequestError as error:
        raise _parameter(error.message, "type") from None


def is_storable(given: str) -> bool:
    """Say whether the API can keep this text: no U+0000, and no half of a surrogate pair."""
    return "\0" not in given and not any("\ud800" <= each <= "\udfff" for each in given)


def _written(value: object, refusal: InvalidRequestError) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    try:
        # a datetime without its zone could be any of two dozen instants, so it is refused
        date.fromisoformat(value[:10] if isinstance(value, str) else "")
    except ValueError:
        raise refusal from None
    return str(value)


def _id(value: object, prefix: str, refusal: InvalidRequestError | NotFoundError) -> str:
    if isinstance(value, str):
        head, _, digits = value.partition("_")
        if head == prefix and _HEX.fullmatch(digits):
            return value
    raise refusal


def _not_an_id(value: object, prefix: str) -> str:
    return f"{in_words(value)[:60]!r} is not an id: it should look like {prefix}_ followed by 32 hex digits."


def _wrong(param: str, name: str) -> InvalidRequestError:
    message = f"{param} has the wrong type: Input should be a valid {name}."
    return invalid(message, param, "wrong_type", 400)


def _parameter(message: str, param: str) -> InvalidRequestError:
    return invalid(message, param, "invalid_parameter", 400)


_LIKE_A_TIME: Final = "Give a time like 2026-01-15T10:30:00Z."
_HEX = re.compile(r"[0-9a-f]{32}")
_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
_PATTERN = re.compile(r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?", re.ASCII)
