"""Holds answers to the OpenAPI document: they have nothing that it does not say, and a run has all that it says."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator

from flux_dispatch.api.openapi.document import document
from flux_dispatch.api.routes import ROUTES

DOCUMENT: Final = document(ROUTES, "http://described")
PRODUCED: Final[set[str]] = set()
"""What answers had of what the document says, as `described` names it."""

_ALWAYS: Final = {
    *("date", "server", "content-type", "content-length", "connection", "transfer-encoding", "allow", "cache-control"),
}
"""Headers of HTTP itself, which need no description."""


async def check_described(response: httpx.Response) -> None:
    """Fail if the answer is not one of those that the document says its operation gives."""
    found = _operation(response.request.method, response.request.url.path)
    if found is None:
        return
    name, operation = found
    answers = operation["responses"]
    answer = answers.get(str(response.status_code))
    assert answer is not None, f"{name} answers {response.status_code}, described are {', '.join(answers)}"
    answer = resolve(answer)
    described = {each.lower() for each in answer["headers"]} | _ALWAYS
    assert set(response.headers) <= described, f"{name}: {set(response.headers) - described}"
    PRODUCED.update(f"header {each}" for each in response.headers if each not in _ALWAYS)
    await response.aread()
    if "content" not in answer:
        assert response.content == b"", name
        return
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert media_type in answer["content"], f"{name} answers {media_type}"
    if media_type != "application/json":
        return
    content, value = answer["content"][media_type], json.loads(response.content)
    _check(json.dumps(content["schema"]), value, name)
    if response.is_success:
        PRODUCED.update(_produced(content["schema"], value))
    else:
        PRODUCED.add(f"error {value['error']['code']}")


async def check_described_bytes(method: str, path: str, answer: bytes) -> None:
    """The same for an answer as it came over a socket."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    request = httpx.Request(method, f"http://described{path}")
    await check_described(httpx.Response(int(first.split()[1]), headers=headers, content=body, request=request))


def check_own_event(body: dict[str, Any]) -> None:
    """Fail if an event of the engine's own is not what the document says receivers get, or has more to say."""
    content = DOCUMENT["webhooks"][body["type"]]["post"]["requestBody"]["content"]["application/json"]
    _check(json.dumps(content["schema"]), body, body["type"])


def described() -> set[str]:
    """Return what the document says: its headers, its errors, and the fields of its answers."""
    names = {f"header {each.lower()}" for each in DOCUMENT["components"]["headers"]}
    names |= {f"error {each}" for each in DOCUMENT["components"]["examples"]}
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and "application/json" in answer.get("content", {}):
                    names.update(_fields(answer["content"]["application/json"]["schema"], set()))
    return names


def resolve(part: dict[str, Any]) -> dict[str, Any]:
    """Return what a part of the document refers to, or itself."""
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = DOCUMENT["components"][kind][name]
    return part


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Return how each path looks, those without a parameter first."""
    paths = sorted(DOCUMENT["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


def _operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    for pattern, template in _templates():
        if pattern.fullmatch(path):
            operation = DOCUMENT["paths"][template].get(method.lower())
            return None if operation is None else (f"{method} {template}", operation)
    return None


@cache
def _validator(schema: str) -> Draft202012Validator:
    components = {"schemas": {name: _closed(each) for name, each in DOCUMENT["components"]["schemas"].items()}}
    return Draft202012Validator({**_closed(json.loads(schema)), "components": components})


def _check(schema: str, value: Any, name: str) -> None:
    error = next(_validator(schema).iter_errors(value), None)
    assert error is None, f"{name} answers what it does not describe, at {error.json_path}: {error.message}"


def _closed(schema: Any) -> Any:
    """Return the schema without room for what it does not name."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: each if name in {"examples", "default"} else _closed(each) for name, each in schema.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def _fields(schema: dict[str, Any], seen: set[str]) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from (f"{name}.{each}" for each in resolve(schema).get("properties", {}))
        yield from _fields(resolve(schema), seen)
        return
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("items")]
    for each in filter(None, parts):
        yield from _fields(each, seen)


def _produced(schema: dict[str, Any], value: Any) -> Iterator[str]:
    """Yield the fields that the value has and that are not null or empty."""
    if "$ref" in schema:
        name, schema = schema["$ref"].rpartition("/")[2], resolve(schema)
        if isinstance(value, dict):
            yield from (
                f"{name}.{key}" for key in value.keys() & schema.get("properties", {}).keys() if _says(value[key])
            )
    if isinstance(value, dict):
        for key, each in schema.get("properties", {}).items():
            if key in value:
                yield from _produced(each, value[key])
    for each in schema.get("anyOf", ()):
        yield from _produced(each, value)
    if isinstance(value, list):
        for each in value:
            yield from _produced(schema.get("items", {}), each)


def _says(value: Any) -> bool:
    return value is not None and (not isinstance(value, list | dict) or bool(value))
