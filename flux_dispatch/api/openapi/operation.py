"""What a route says of itself beyond its code: its name, what it takes, what it answers, and what can go wrong."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from flux_dispatch.api.fields import id_pattern
from flux_dispatch.api.filters import FilterParsers, Parameter
from flux_dispatch.domain.ids import Prefix, example_id

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class PageOf:
    """An answer that is one page of a list of these."""

    item: Any


@dataclass(frozen=True, slots=True)
class FileOf:
    """An answer that is a file: by its media types, how each begins."""

    examples: Mapping[str, str]


class BodyKind(Enum):
    """Whether a request has a body."""

    NEEDED = auto()
    MAY_BE_LEFT_OUT = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    `id` is `resource.verb`, by which the SDKs call it. `answers` has the shape of each status (a TypedDict, PageOf,
    FileOf, or None for an answer without a body), `headers` what its answers may carry besides those that all do, and
    `errors` the codes that it answers beyond those which follow from the rest.
    """

    id: str
    summary: str
    answers: Mapping[HTTPStatus, Any]
    body: type[BaseModel] | None = None
    body_kind: BodyKind = BodyKind.NEEDED
    path: Mapping[str, Parameter] = field(default_factory=dict)
    query: FilterParsers | None = None
    takes_idempotency_key: bool = False
    headers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def resource(self) -> str:
        """Return the resource that it belongs to, like `api_keys`."""
        return self.id.partition(".")[0]

    @property
    def is_list(self) -> bool:
        """Say whether it answers pages, and so takes `limit` and `cursor`."""
        return any(isinstance(each, PageOf) for each in self.answers.values())


def operation(
    name: str,
    summary: str,
    answers: Mapping[HTTPStatus, Any],
    **more: Any,  # noqa: ANN401 - the other fields of Operation
) -> Callable[[Handler], Handler]:
    """Mark a handler as this operation; its docstring is the description."""

    def mark(handler: Handler) -> Handler:
        handler.operation = Operation(name, summary, answers, **more)  # type: ignore[attr-defined]
        return handler

    return mark


def operation_of(route: web.RouteDef) -> Operation | None:
    """Return what a route says of itself; None for one that is no operation of the API."""
    return getattr(route.handler, "operation", None)


def template_of(route: web.RouteDef) -> str:
    """Return the path of a route as people write it, like `/v1/events/{id}`."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", route.path)


def id_in_path(prefix: Prefix) -> Mapping[str, Parameter]:
    """Return the parameters of a path that names one thing by its id."""
    schema = {"type": "string", "pattern": id_pattern(prefix), "examples": [example_id(prefix)]}
    return {"id": Parameter(str, schema, "Its id.")}
