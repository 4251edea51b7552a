"""A `flux.publish` message, read in one checked step: what a producer sent is an event to publish, or is refused."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id

DEEPEST: Final = 100
"""Levels of nesting, `data` being the second, as over HTTP."""

_FIELDS: Final = {"account", "type", "data", "idempotency_key"}
_NEEDED: Final = ("account", "type", "data")
_NAMED: Final = "Send them by name: kwargs={'account': …, 'type': …, 'data': …}."


@dataclass(frozen=True, slots=True)
class Publication:
    """An event that a producer asks to be published."""

    account: AccountId
    type: str
    data: dict[str, Any]
    idempotency_key: str


def read_publication(args: tuple[object, ...], fields: dict[str, Any], task_id: str) -> Publication:
    """Return what the message asks for; without a key of its own, its task's id makes it one event when it comes twice.

    Celery's JSON brings datetimes, UUIDs and decimals as such; here they become the text that a receiver gets.

    Raises:
        InvalidRequest: it is no publication; the message says what is wrong.
    """
    if args:
        raise InvalidRequest(f"flux.publish takes no positional arguments. {_NAMED}", code="unknown_field")
    for name in _NEEDED:
        if name not in fields:
            raise InvalidRequest(f"The field {name} is missing. {_NAMED}", param=name, code="missing_field")
    for name in fields:
        if name not in _FIELDS:
            message = f"There is no field {name[:60]!r}; there are {', '.join(sorted(_FIELDS))}."
            raise InvalidRequest(message, param=name[:60], code="unknown_field")
    account = _text(fields, "account")
    parse_id(Prefix.ACCOUNT, account)
    data = fields["data"]
    if not isinstance(data, dict):
        raise InvalidRequest(f"data must be an object, not {_kind(data)}.", param="data", code="wrong_type")
    key = fields.get("idempotency_key")
    return Publication(
        account=cast(AccountId, account),
        type=_text(fields, "type"),
        data=cast(dict[str, Any], _as_json(data, 2)),
        idempotency_key=f"celery:{task_id}" if key is None else _text(fields, "idempotency_key"),
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be text, not {_kind(value)}.", param=name, code="wrong_type")
    return value


def _as_json(value: object, depth: int) -> object:
    if depth > DEEPEST:
        raise InvalidRequest(f"data is nested more than {DEEPEST} levels deep.", param="data", code="invalid_json")
    if isinstance(value, dict):
        return {str(name): _as_json(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each, depth + 1) for each in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return _as_text(value)


def _as_text(value: object) -> str:
    """RFC 3339, UTC as Z; without an offset where the producer gave none. A decimal keeps all its digits as text."""
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value
        return instant.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    message = f"data holds {_kind(value)}, which JSON does not have; send text, binary data as base64."
    raise InvalidRequest(message, param="data", code="invalid_json")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "text"}
    return kinds.get(type(value), f"a {type(value).__name__}")
