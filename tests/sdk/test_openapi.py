"""The SDK is held to the OpenAPI document: the same operations, parameters and fields, of the same types."""

import inspect
import types
from collections import defaultdict
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import flux_webhooks
import pytest
from flux_webhooks import checks, models
from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._sync.pages import Page
from flux_webhooks.operations import OPERATIONS

from tests.support.described import DOCUMENT, resolve

COLOURS = ["Flux", "AsyncFlux"]
DESCRIBED = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, each in DOCUMENT["paths"].items()
    for method, operation in each.items()
}
PARAMETERS = {"Flux-Account": "account", "Idempotency-Key": "idempotency_key"}
"""What headers are called in Python."""

JSON = {"integer": int, "number": float, "boolean": bool}


def test_the_operations_are_the_same() -> None:
    assert {name: (each.method, each.path) for name, each in OPERATIONS.items()} == {
        name: (method, path) for name, (method, path, _) in DESCRIBED.items()
    }


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", DESCRIBED)
def test_a_method_takes_what_its_operation_takes(colour: str, name: str) -> None:
    _, _, operation = DESCRIBED[name]
    wanted = {PARAMETERS.get(each["name"], each["name"]) for each in operation["parameters"]}
    needed = {each["name"] for each in operation["parameters"] if each["required"]}
    if "requestBody" in operation:
        body = resolve(operation["requestBody"]["content"]["application/json"]["schema"])
        wanted |= set(body["properties"])
        needed |= set(body.get("required", ()))
    taken = inspect.signature(_method(colour, name)).parameters
    assert set(taken) - {"self"} == wanted
    # what may be left out is keyword-only, so that more may come between
    assert {each.name for each in taken.values() if each.default is each.empty} - {"self"} == needed


@pytest.mark.parametrize("colour", COLOURS)
def test_a_model_has_the_fields_that_are_answered_with_their_types(colour: str) -> None:
    answered = _answered(colour)
    assert {each.__name__ for each in answered} == {
        name for name, each in vars(models).items() if inspect.isclass(each) and issubclass(each, models.Model)
    } - {"Model"}
    for model, schemas in answered.items():
        hints, known = get_type_hints(model), {each.name: each for each in fields(model)}
        named = [name for schema in schemas for name in schema["properties"]]
        assert set(known) == set(named) | OWN.get(model.__name__, set()), model
        for name in dict.fromkeys(named):
            parts = [schema["properties"][name] for schema in schemas if name in schema["properties"]]
            is_always = all(name in schema.get("required", ()) for schema in schemas)
            optional = not is_always or any(_is_nullable(part) for part in parts)
            assert _is_optional(hints[name]) == optional, f"{model.__name__}.{name}"
            assert (known[name].default is MISSING) == is_always, f"{model.__name__}.{name}"
            assert {_python(part) for part in parts} == {_kind(hints[name])}, f"{model.__name__}.{name}"


_CHOICES = (checks.STATES, checks.OUTCOMES, checks.PERIODS, checks.EVENT_STATUSES, checks.EXPORT_FORMATS)
OWN = {"PublishedEvent": {"replayed"}}
"""What the SDK reads from headers."""


def test_the_choices_of_filters_are_the_same() -> None:
    listed = {tuple(each) for each in _CHOICES}
    described = {
        tuple(parameter["schema"]["enum"])
        for _, _, operation in DESCRIBED.values()
        for parameter in operation["parameters"]
        if "enum" in parameter["schema"]
    }
    assert described == listed


def _method(colour: str, name: str) -> Any:
    flux = getattr(flux_webhooks, colour)("sk_live_x", api_url="https://flux.example.com")
    resource, _, verb = name.partition(".")
    return getattr(type(getattr(flux, resource)), verb)


@cache
def _answered(colour: str) -> dict[Any, list[dict[str, Any]]]:
    """Return the schemas that each model is made of, those of its parts too."""
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for name, (_, _, operation) in DESCRIBED.items():
        returned = _models(get_type_hints(_method(colour, name))["return"])
        for status, answer in operation["responses"].items():
            if status.startswith("2") and "application/json" in answer.get("content", {}):
                schema = _item(answer["content"]["application/json"]["schema"])
                _collect(_fitting(returned, schema), schema, found)
    return found


def _models(hint: Any) -> list[Any]:
    """Return the models that a method may return, without what holds them."""
    if get_origin(hint) in {Page, AsyncPage, list, Union, types.UnionType}:
        return [each for one in get_args(hint) for each in _models(one)]
    return [hint]


def _item(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what a list holds, where the SDK shows no more of it than that."""
    schema = resolve(schema)
    if set(schema["properties"]) in ({"object", "data"}, {"object", "data", "has_more", "next_cursor"}):
        return resolve(schema["properties"]["data"]["items"])
    return schema


def _fitting(returned: list[Any], schema: dict[str, Any]) -> Any:
    """Return the model, of those, that has most of the schema's fields."""
    return max(returned, key=lambda model: len({each.name for each in fields(model)} & set(schema["properties"])))


def _collect(model: Any, schema: dict[str, Any], found: dict[Any, list[dict[str, Any]]]) -> None:
    if schema in found[model]:
        return
    found[model].append(schema)
    hints = get_type_hints(model)
    for name, part in schema["properties"].items():
        inner = _schema_of_part(part)
        if inner is not None and name in hints:
            (of_part,) = [each for each in _models(hints[name]) if each is not type(None)]
            _collect(of_part, inner, found)


def _schema_of_part(part: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the object that a field holds, or a list of; None where it has no fields of its own."""
    part = _without_null(part)
    part = resolve(_without_null(resolve(part).get("items", part)))
    return part if "properties" in part else None


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in part.get("anyOf", ()) if each.get("type") != "null"), part)


def _is_nullable(part: dict[str, Any]) -> bool:
    return any(each.get("type") == "null" for each in part.get("anyOf", ()))


def _python(part: dict[str, Any]) -> Any:
    part = {**part, **resolve(_without_null(part))}
    if part.get("format") == "date-time":
        return datetime
    if part["type"] == "array":
        return list
    if part["type"] == "object":
        return object if "properties" in part else dict
    return JSON.get(part["type"], str)


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _kind(hint: Any) -> Any:
    (hint,) = [each for each in get_args(hint) if each is not type(None)] if _is_optional(hint) else [hint]
    if get_origin(hint) is Literal:
        return str
    kind = get_origin(hint) or hint
    return object if inspect.isclass(kind) and issubclass(kind, models.Model) else kind
