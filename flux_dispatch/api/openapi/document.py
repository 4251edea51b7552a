"""Puts the OpenAPI 3.1 document together: from the operations of the routes, and from the models that validate."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import web
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from flux_dispatch import __version__
from flux_dispatch.api.auth import ActsFor
from flux_dispatch.api.errors import DOCUMENTATION
from flux_dispatch.api.filters import Parameter
from flux_dispatch.api.openapi.answers import (
    ALL_ANSWERS,
    ERROR_EXAMPLES,
    ERROR_SCHEMA,
    HEADERS,
    LIST_PARAMETERS,
    error_answer,
    error_codes,
    list_schema,
)
from flux_dispatch.api.openapi.examples import example_of
from flux_dispatch.api.openapi.operation import BodyKind, FileOf, Operation, PageOf, operation_of, template_of
from flux_dispatch.api.openapi.outgoing import WEBHOOKS
from flux_dispatch.api.openapi.words import ACCOUNT_PARAMETER, IDEMPOTENCY_PARAMETER, INTRODUCTION, RESOURCES
from flux_dispatch.domain.api_key import Scope

REFERENCE: Final = "#/components/schemas/{model}"


def document(routes: Iterable[Sequence[web.AbstractRouteDef]], server: str) -> dict[str, Any]:
    """Return the description of these routes, as it is answered under this URL."""
    described = [(route, found) for route in _defined(routes) if (found := operation_of(route))]
    schemas, errors = _Schemas([each for _, each in described]), _ErrorAnswers()
    paths: dict[str, Any] = {}
    for route, found in described:
        paths.setdefault(template_of(route), {})[route.method.lower()] = _operation(route, found, schemas, errors)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flux Dispatch",
            "version": __version__,
            "summary": "Events in, signed webhooks out: delivered, retried, and never lost.",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "externalDocs": {"description": "Documentation", "url": DOCUMENTATION},
        "security": [{"api_key": []}],
        "tags": [{"name": name, "description": text} for name, text in RESOURCES.items()],
        "paths": paths,
        "webhooks": WEBHOOKS,
        "components": {
            "schemas": {**schemas.components, "Error": ERROR_SCHEMA},
            "responses": errors.components,
            "examples": ERROR_EXAMPLES,
            "headers": HEADERS,
            "securitySchemes": {
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "sk_live_…",
                    "description": "An API key.",
                }
            },
        },
    }


def _defined(routes: Iterable[Sequence[web.AbstractRouteDef]]) -> Iterable[web.RouteDef]:
    return (route for table in routes for route in table if isinstance(route, web.RouteDef))


class _Schemas:
    """The schemas of all bodies and answers: each has a name, and is referred to by it."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = []
        for shape, mode in dict.fromkeys(_shapes(operations)):
            wanted.append((shape.__name__, mode, TypeAdapter(shape)))
        _, made = TypeAdapter.json_schemas(wanted, ref_template=REFERENCE)
        self.components: dict[str, Any] = {
            _public_name(name): _with_public_names(schema) for name, schema in made["$defs"].items()
        }

    def of(self, shape: Any) -> dict[str, Any]:  # noqa: ANN401 - a model or TypedDict
        """Return the reference to the schema of a shape."""
        return {"$ref": REFERENCE.format(model=_public_name(shape.__name__))}

    def example(self, schema: Mapping[str, Any], *, whole: bool) -> Any:  # noqa: ANN401 - any JSON
        """Return an example of what the schema describes."""
        return example_of(schema, self.components, whole=whole)


def _shapes(operations: Sequence[Operation]) -> Iterable[tuple[Any, JsonSchemaMode]]:
    for each in operations:
        if each.body is not None:
            yield each.body, "validation"
        for answer in each.answers.values():
            if answer is not None and not isinstance(answer, FileOf):
                yield answer.item if isinstance(answer, PageOf) else answer, "serialization"


def _public_name(name: str) -> str:
    return name.removesuffix("Resource")


def _with_public_names(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, dict):
        named = {key: _with_public_names(each) for key, each in schema.items() if key != "title" or not _is_title(each)}
        if "$ref" in named:
            named["$ref"] = _public_name(named["$ref"])
        return named
    return [_with_public_names(each) for each in schema] if isinstance(schema, list) else schema


def _is_title(value: object) -> bool:
    """Say whether this is a title that pydantic made of a name, and not a property that is called so."""
    return isinstance(value, str)


class _ErrorAnswers:
    """The answers with errors: those with the same status and codes are one."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, tuple[str, ...]], str] = {}

    @property
    def components(self) -> dict[str, Any]:
        """Return them by their names."""
        return {name: error_answer(status, codes) for (status, codes), name in self._names.items()}

    def of(self, status: int, codes: tuple[str, ...]) -> dict[str, str]:
        """Return the reference to the answer with this status and these codes."""
        alike = sum(known == status for known, _ in self._names)
        name = self._names.setdefault((status, codes), f"error_{status}_{alike + 1}")
        return {"$ref": f"#/components/responses/{name}"}


def _operation(route: web.RouteDef, found: Operation, schemas: _Schemas, errors: _ErrorAnswers) -> dict[str, Any]:
    wrong = error_codes(found, acts_for=_acts_for(route), scope=_scope(route))
    description = " ".join((route.handler.__doc__ or "").split())
    made: dict[str, Any] = {
        "operationId": found.id,
        "summary": found.summary,
        "description": f"{description}\n\nNeeds the scope `{_scope(route)}`.",
        "tags": [found.resource],
        "parameters": _parameters(route, found),
        "responses": {
            **{str(int(status)): _answer(status, shape, found, schemas) for status, shape in found.answers.items()},
            **{str(status): errors.of(status, codes) for status, codes in wrong.items()},
        },
        "x-scope": _scope(route).value,
    }
    if found.body is not None:
        made["requestBody"] = _request_body(route, found, schemas)
    return made


def _scope(route: web.RouteDef) -> Scope:
    return cast(Scope, vars(route.handler)["required_scope"])


def _acts_for(route: web.RouteDef) -> ActsFor:
    return cast(ActsFor, vars(route.handler)["acts_for"])


def _parameters(route: web.RouteDef, found: Operation) -> list[dict[str, Any]]:
    listed = [_parameter(name, each, "path") for name, each in found.path.items()]
    listed += [_parameter(name, each, "query") for name, each in (found.query or {}).items()]
    if found.is_list:
        listed += [_parameter(name, each, "query") for name, each in LIST_PARAMETERS.items()]
    if _acts_for(route) is not ActsFor.PLATFORM:
        listed.append(ACCOUNT_PARAMETER)
    if found.takes_idempotency_key:
        listed.append(IDEMPOTENCY_PARAMETER)
    return listed


def _parameter(name: str, parameter: Parameter, place: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _request_body(route: web.RouteDef, found: Operation, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(found.body)
    if route.method == "PATCH":
        # what a change does not name stays as it is, whatever the model has there
        for each in schemas.components[_public_name(found.body.__name__)]["properties"].values():  # type: ignore[union-attr]
            each.pop("default", None)
    content = {"schema": schema, "example": schemas.example(schema, whole=True)}
    return {"required": found.body_kind is BodyKind.NEEDED, "content": {"application/json": content}}


def _answer(status: HTTPStatus, shape: Any, found: Operation, schemas: _Schemas) -> dict[str, Any]:  # noqa: ANN401
    names = [*ALL_ANSWERS, *found.headers]
    answer: dict[str, Any] = {
        "description": status.phrase,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if isinstance(shape, FileOf):
        answer["content"] = {
            media_type: {"schema": {"type": "string"}, "example": example}
            for media_type, example in shape.examples.items()
        }
    elif shape is not None:
        schema = list_schema(schemas.of(shape.item)) if isinstance(shape, PageOf) else schemas.of(shape)
        answer["content"] = {"application/json": {"schema": schema, "example": schemas.example(schema, whole=False)}}
    return answer
