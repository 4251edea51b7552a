"""Request bodies: read in bounded time, then checked; what an event says is taken as it stands there."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ValidationError

from flux_dispatch.api.compressed_body import NotDecompressed, decompressed
from flux_dispatch.api.json_text import not_json, parse
from flux_dispatch.domain.errors import InvalidRequest

BODY_SECONDS: Final = 10
"""How long a body may take to arrive."""


def _whole(value: object) -> object:
    """Return 3 for 3.0, which is the same number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer: TypeAlias = Annotated[int, BeforeValidator(_whole)]
"""A field that is a whole number, however it is written."""

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Return the request's body as the model has it.

    Raises:
        InvalidRequest: 400, 408, 413, 415 for what is not JSON or comes too slowly; 422 with `param` for a field.
    """
    parsed = parse(await read_bytes(request))
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise _wrong_field(error) from None


async def read_optional_body(request: web.Request, model: type[Model]) -> Model:
    """Return the request's body as the model has it; none at all is as good as `{}`.

    Raises:
        InvalidRequest: as for read_body.
    """
    # whether one that comes in chunks is there at all, only its end tells
    is_there = request.body_exists and await _arrived(request)
    return await read_body(request, model) if is_there else model()


async def read_bytes(request: web.Request) -> bytes:
    """Return the request's body, which says that it is JSON.

    Raises:
        InvalidRequest: as for read_body.
    """
    if request.content_type != "application/json":
        message = "Send the body as JSON, with the header Content-Type: application/json."
        raise InvalidRequest(message, code="not_json", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = await _arrived(request)
    coding = request.headers.get("Content-Encoding")
    try:
        return body if coding is None else decompressed(body, coding, request.client_max_size)
    except NotDecompressed:
        raise not_json(_CUT) from None


async def _arrived(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():  # it came with its head, as nearly every body does
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        message = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise InvalidRequest(message, code="body_too_slow", status=HTTPStatus.REQUEST_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        raise not_json(_CUT) from None


def _wrong_field(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    param = _path(first["loc"])
    if first["type"] == "missing":
        return missing(param)
    if first["type"] == "extra_forbidden":
        return unknown(param)
    if first["type"] == "model_type":  # pydantic would tell the name of the class
        return wrong_type(param, "an object")
    message = f"{param or 'The body'} has the wrong type: {first['msg']}."
    return InvalidRequest(message, param=param or None, code="wrong_type", status=HTTPStatus.BAD_REQUEST)


def missing(param: str) -> InvalidRequest:
    """Return the error for a field that is missing."""
    return InvalidRequest(f"{param} is missing.", param=param, code="missing_field")


def unknown(param: str) -> InvalidRequest:
    """Return the error for a field that is none of this request."""
    return InvalidRequest(f"{param} is not a field of this request.", param=param, code="unknown_field")


def wrong_type(param: str, wanted: str) -> InvalidRequest:
    """Return the error for a field, or ("") a body, of another type."""
    message = f"{param or 'The body'} must be {wanted}."
    return InvalidRequest(message, param=param or None, code="wrong_type", status=HTTPStatus.BAD_REQUEST)


def _path(location: tuple[int | str, ...]) -> str:
    """Return where in the body something is, like `events[1]` or `headers.X-Team`."""
    steps = (f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in location)
    return "".join(steps).removeprefix(".")


_CUT: Final = "The body ended before it was complete, or cannot be decompressed."
