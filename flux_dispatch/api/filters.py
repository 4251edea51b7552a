"""Filters: what the query of a list narrows it to, and how each is described."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias

from aiohttp import web

from flux_dispatch.api.fields import EXAMPLE_TIME, id_pattern
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import Prefix, example_id, parse_id


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: what its text is taken for, by a parser that raises InvalidRequest, and what a reader is told of it.

    `schema` is its JSON Schema, examples included.
    """

    parse: Callable[[str], Any]
    schema: Mapping[str, Any]
    description: str


FilterParsers: TypeAlias = Mapping[str, Parameter]
"""The filters of a list, by their names."""


def parse_filters(request: web.Request, parsers: FilterParsers) -> dict[str, Any]:
    """Return what the query narrows the list to: the value of each filter that it names, as its parser takes it.

    Raises:
        InvalidRequest: 400, naming the parameter, for a value that is none, and for a name that means nothing here: a
            misspelt filter must not pass for one that matches all. So too for a name that stands there twice.
    """
    return _parse_known(request, parsers, {"limit", "cursor", *parsers}, "list")


def parse_parameters(request: web.Request, parsers: FilterParsers) -> dict[str, Any]:
    """Return the parameters of what is no list, as parse_filters does.

    Raises:
        InvalidRequest: as for parse_filters.
    """
    return _parse_known(request, parsers, set(parsers), "resource")


def timestamp(text: str) -> datetime:
    """Return the instant that a query parameter names, in RFC 3339; UTC unless it says otherwise."""
    try:
        value = datetime.fromisoformat(text)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        hint = " In a URL, + is written %2B." if _PLUS_AS_SPACE.search(text) else ""
        raise InvalidRequest(f"Give a time like 2026-01-15T10:30:00Z.{hint}") from None


def truth(text: str) -> bool:
    """Return what a query parameter says that is true or false."""
    if text not in {"true", "false"}:
        raise InvalidRequest("Give true or false.")
    return text == "true"


def id_filter(prefix: Prefix, description: str) -> Parameter:
    """Return the filter by the id of another thing; its value is the id's digits."""
    schema = {"type": "string", "pattern": id_pattern(prefix), "examples": [example_id(prefix)]}
    return Parameter(partial(parse_id, prefix), schema, description)


def time_filter(description: str) -> Parameter:
    """Return the filter by an instant."""
    return Parameter(timestamp, {"type": "string", "format": "date-time", "examples": [EXAMPLE_TIME]}, description)


def truth_filter(description: str) -> Parameter:
    """Return the filter by what is true or false."""
    return Parameter(truth, {"type": "boolean"}, description)


def one_of(names: Iterable[str], description: str) -> Parameter:
    """Return the filter by one of these names."""
    known = list(names)

    def parse(text: str) -> str:
        if text not in known:
            raise InvalidRequest(f"{text[:60]!r} is none of {', '.join(known)}.")
        return text

    return Parameter(parse, {"type": "string", "enum": known}, description)


def _parse_known(request: web.Request, parsers: FilterParsers, known: set[str], kind: str) -> dict[str, Any]:
    for name in request.query:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise invalid_parameter(f"{name[:60]} is not a parameter of this {kind}. There are: {listed}.", name[:60])
        if len(request.query.getall(name)) > 1:
            raise invalid_parameter(f"{name} is given twice, and takes one value.", name)
    return {
        name: _parse(name, each.parse, request.query[name]) for name, each in parsers.items() if name in request.query
    }


def _parse(name: str, parse: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401 - whatever the parser makes of it
    try:
        return parse(text)
    except InvalidRequest as error:
        raise invalid_parameter(error.message, name) from None


def invalid_parameter(message: str, param: str) -> InvalidRequest:
    """Return the error for a parameter of the query that is not what it must be."""
    return InvalidRequest(message, param=param, code="invalid_parameter", status=HTTPStatus.BAD_REQUEST)


_PLUS_AS_SPACE = re.compile(r":\d\d(\.\d+)? \d\d:?\d\d$", re.ASCII)
