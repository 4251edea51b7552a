"""Checks and writes an event, the same over HTTP, through Celery and in the outbox, in the words of the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flux_webhooks.checks import invalid, json_object, publishable_type
from flux_webhooks.errors import InvalidRequestError
from flux_webhooks.event_json import MAX_NESTED, json_text
from flux_webhooks.numbers import in_words

MAX_BATCH: Final = 1000
MAX_KEY_LENGTH: Final = 255


@dataclass(frozen=True)
class CheckedEvent:
    """An event that may be published: `data` is its JSON, in ASCII."""

    type: str
    data: str
    idempotency_key: str | None

    def body(self, *, with_key: bool) -> str:
        """Return the JSON that the API takes, with the key where it is not in a header."""
        members = [f'"type":{json.dumps(self.type)}', f'"data":{self.data}']
        if with_key:
            members.append(f'"idempotency_key":{json.dumps(self.idempotency_key)}')
        return "{" + ",".join(members) + "}"


def check_event(
    event_type: object,
    data: object,
    key: object,
    *,
    key_param: str = "idempotency_key",
    most_nested: int = MAX_NESTED,
) -> CheckedEvent:
    """Return an event that was checked, with its data written.

    Args:
        event_type: its type.
        data: an object; what becomes text in it, `event_json.json_text` says.
        key: its idempotency key; None if it has none.
        key_param: what the way of publishing calls the key.
        most_nested: how many levels deep the values of the data may be.

    Raises:
        InvalidRequestError: it is not what it must be; `param` names the part.
    """
    if not isinstance(event_type, str):
        raise _wrong("type", "text")
    if not isinstance(data, Mapping):
        raise _wrong("data", "an object")
    checked_type = publishable_type(event_type)
    checked_key = None if key is None else _idempotency_key(key, key_param)
    written = json_text(data if isinstance(data, dict) else dict(data), most_nested=most_nested)
    return CheckedEvent(checked_type, written, checked_key)


def check_batch(events: object, keys: Iterable[str]) -> str:
    """Return the body that publishes these events; one without a key of its own gets one of these.

    Raises:
        InvalidRequestError: as for one event, with where it stands in `param`, like `events[17].data`.
    """
    if isinstance(events, (str, bytes, Mapping)) or not isinstance(events, Sequence):
        raise _wrong("events", "a list")
    if not 0 < len(events) <= MAX_BATCH:
        raise invalid(f"A batch has 1 to {MAX_BATCH} events.", "events")
    written, seen = [], dict[str, int]()
    for index, (each, fresh) in enumerate(zip(events, keys)):
        if not isinstance(each, Mapping):
            raise _wrong(f"events[{index}]", "an object")
        try:
            event, key = _of_batch(each, fresh)
        except InvalidRequestError as error:
            error.param = f"events[{index}]" + (f".{error.param}" if error.param else "")
            raise
        written.append(event.body(with_key=True))
        if seen.setdefault(key, index) != index:
            message = f"events[{seen[key]}] has the same idempotency key. Give each event of a batch its own, or none."
            raise invalid(message, f"events[{index}].idempotency_key", "invalid_idempotency_key")
    return f'{{"events":[{",".join(written)}]}}'


def check_account_text(account: object) -> str:
    """Return the name of an account, which is text; whether it names one, its way of publishing knows."""
    if not isinstance(account, str):
        raise _wrong("account", "text")
    return account


def check_given(fields: Mapping[str, Any], names: Iterable[str] = ("type", "data")) -> None:
    """Return if each of these fields is there."""
    for name in names:
        if name not in fields:
            raise invalid(f"{name} is missing.", name, "missing_field")


def catalogue_object(value: object, param: str) -> dict[str, Any]:
    """Return the example or the schema of an event type as JSON has it: what becomes text in data, does so here."""
    written: dict[str, Any] = json.loads(json_text(json_object(value, param), param))
    return written


def _of_batch(given: Mapping[str, Any], fresh: str) -> tuple[CheckedEvent, str]:
    check_given(given)
    for name in given:
        if name not in {"type", "data", "idempotency_key"}:
            unknown = in_words(name)[:60]
            raise invalid(f"{unknown} is not a field of this request.", unknown, "unknown_field")
    key = given.get("idempotency_key", fresh)
    if key is None:  # null is no key, and none was left out
        raise _wrong("idempotency_key", "text")
    return check_event(given["type"], given["data"], key), key


def _idempotency_key(value: object, param: str) -> str:
    if not isinstance(value, str):
        raise _wrong(param, "text")
    if not (0 < len(value) <= MAX_KEY_LENGTH and value.isascii() and value.isprintable()):
        message = f"An idempotency key is 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        raise invalid(message, param, "invalid_idempotency_key")
    return value


def _wrong(param: str, wanted: str) -> InvalidRequestError:
    return invalid(f"{param} must be {wanted}.", param, "wrong_type", 400)
