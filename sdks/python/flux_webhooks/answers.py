"""Reads an answer's JSON as the model that says what it holds; what does not fit is said, and never a KeyError."""

from __future__ import annotations

import dataclasses
import typing
from datetime import datetime, timezone
from functools import cache
from typing import Any, TypeVar

from flux_webhooks.errors import APIResponseError
from flux_webhooks.models import Model

AnyModel = TypeVar("AnyModel", bound=Model)


def read_answer(model: type[AnyModel], given: object, **beside: object) -> AnyModel:
    """Return what was answered, with fields that stand beside it; what the model does not have is kept in `raw`.

    Raises:
        APIResponseError: a field is missing, or is not what it must be.
    """
    return _model(model, given, model.__name__, **beside)


def read_list(given: object) -> list[Any]:
    """Return what stands in the `data` of a list.

    Raises:
        APIResponseError: it is no list.
    """
    listed = given.get("data") if isinstance(given, dict) else None
    if not isinstance(listed, list):
        raise APIResponseError("The API's answer is not a list as this release knows it.")
    return listed


def _model(model: type[AnyModel], given: object, place: str, **beside: object) -> AnyModel:
    if not isinstance(given, dict):
        raise _unlike(place, "an object")
    values = dict(beside)
    for name, hint, is_needed in _fields(model):  # type: ignore[arg-type] # a class can be hashed
        if name in given:
            values[name] = _value(hint, given[name], f"{place}.{name}")
        elif is_needed:
            raise APIResponseError(f"The API's answer has no {place}.{name}: is this a Flux Dispatch of this age?")
    made = model(**values)
    # they are frozen for everybody else
    made.__dict__["_raw"] = given
    return made


def _value(hint: Any, given: Any, place: str) -> Any:  # noqa: ANN401 - of the type that the hint says
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Union:
        return None if given is None else _value(inner[0], given, place)
    if kind in {list, dict}:
        return _several(kind, inner[-1], given, place)
    if hint is datetime:
        return _instant(given, place)
    if isinstance(hint, type) and issubclass(hint, Model):
        return _model(hint, given, place)
    if hint not in {Any, type(given)} and not (hint is float and type(given) is int):
        raise _unlike(place, hint.__name__)
    return given


def _several(kind: type[Any], hint: Any, given: object, place: str) -> Any:  # noqa: ANN401 - of the kind
    if kind is list and isinstance(given, list):
        return [_value(hint, each, f"{place}[{index}]") for index, each in enumerate(given)]
    if kind is dict and isinstance(given, dict):
        return {name: _value(hint, each, f"{place}.{name}") for name, each in given.items()}
    raise _unlike(place, kind.__name__)


def _instant(given: object, place: str) -> datetime:
    try:
        # Python before 3.11 does not read the Z
        instant = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    except ValueError:
        raise _unlike(place, "a time") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


def _unlike(place: str, wanted: str) -> APIResponseError:
    return APIResponseError(f"The API's answer has a {place} that is not {wanted}.")


@cache
def _fields(model: type[Any]) -> list[tuple[str, Any, bool]]:
    hints = typing.get_type_hints(model)
    fields = dataclasses.fields(model)
    return [(each.name, hints[each.name], each.default is dataclasses.MISSING) for each in fields]
