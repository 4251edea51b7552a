"""Request bodies: read in bounded time, JSON as the specification has it, then checked against a model."""

import asyncio
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from flux_dispatch.domain.errors import InvalidRequest

BODY_SECONDS: Final = 10
"""How long a body may take to arrive."""

MOST_NESTED: Final = 100
"""How deep a body may be nested: Python's own bound moves with the call stack, so what it took in it might not give
back, and a receiver's parser may stop earlier (the JSON of .NET at 64, of PHP at 512)."""

Model = TypeVar("Model", bound=BaseModel)


class EventBody(BaseModel):
    """POST /v1/events."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: str
    data: dict[str, Any]


class WebhookBody(BaseModel):
    """POST /v1/webhooks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str
    events: list[str]
    description: str = ""
    headers: dict[str, str] = {}


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Return the request's body as the model has it.

    Raises:
        InvalidRequest: 400, 408, 413, 415 for what is not JSON or comes too slowly; 422 with `param` for a field.
    """
    if request.content_type != "application/json":
        message = "Send the body as JSON, with the header Content-Type: application/json."
        raise InvalidRequest(message, code="not_json", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    parsed = _parse(await _read(request))
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise _wrong_field(error) from None


async def _read(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():  # it came with its head, as nearly every body does
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        message = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise InvalidRequest(message, code="body_too_slow", status=HTTPStatus.REQUEST_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        raise _not_json("The body ended before it was complete, or cannot be decompressed.") from None


def _parse(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _not_json("The body is not UTF-8.") from None
    except RecursionError:
        raise _not_json(_TOO_DEEP) from None
    except ValueError as error:
        raise _not_json(f"The body is not valid JSON: {str(error)[:200]}.") from None
    # counting is cheap, and what opens so few brackets cannot be deep
    if body.count(b"{") + body.count(b"[") > MOST_NESTED and _is_too_deep(parsed):
        raise _not_json(_TOO_DEEP)
    return parsed


def _is_too_deep(parsed: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    level = [parsed]
    for _ in range(MOST_NESTED + 1):
        level = [inner for each in level for inner in _inside(each)]
    return bool(level)


def _inside(each: Any) -> Iterable[Any]:  # noqa: ANN401 - as above
    if isinstance(each, dict):
        return each.values()
    return each if isinstance(each, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _not_json(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_json", status=HTTPStatus.BAD_REQUEST)


def _wrong_field(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    param = _path(first["loc"])
    if first["type"] == "missing":
        return InvalidRequest(f"{param} is missing.", param=param, code="missing_field")
    if first["type"] == "extra_forbidden":
        return InvalidRequest(f"{param} is not a field of this request.", param=param, code="unknown_field")
    message = f"{param or 'The body'} has the wrong type: {first['msg']}."
    return InvalidRequest(message, param=param or None, code="wrong_type", status=HTTPStatus.BAD_REQUEST)


def _path(location: tuple[int | str, ...]) -> str:
    """Return where in the body something is, like `events[1]` or `headers.X-Team`."""
    steps = (f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in location)
    return "".join(steps).removeprefix(".")


_TOO_DEEP = f"The body is nested more than {MOST_NESTED} levels deep."
