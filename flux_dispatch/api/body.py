"""Request bodies: read in bounded time, then checked; what an event says is taken as it stands there."""

import asyncio
from http import HTTPStatus
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from flux_dispatch.api.json_text import members, not_json, parse
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import EventData, carried

BODY_SECONDS: Final = 10
"""How long a body may take to arrive."""

Model = TypeVar("Model", bound=BaseModel)


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
    parsed = parse(await _read(request))
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise _wrong_field(error) from None


async def read_event(request: web.Request) -> tuple[str, EventData]:
    """Return type and data of POST /v1/events; the data as it stands in the body.

    Raises:
        InvalidRequest: as for read_body.
    """
    given = members(await _read(request))
    if given is None:
        raise _wrong_type("", "an object")
    for name in ("type", "data"):
        if name not in given:
            raise _missing(name)
    for name in given.keys() - {"type", "data"}:
        raise _unknown(name[:60])
    (event_type, _), (data, text) = given["type"], given["data"]
    if not isinstance(event_type, str):
        raise _wrong_type("type", "text")
    if not isinstance(data, dict):
        raise _wrong_type("data", "an object")
    return event_type, carried(text, data)


async def _read(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        message = "Send the body as JSON, with the header Content-Type: application/json."
        raise InvalidRequest(message, code="not_json", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        if request.content.is_eof():  # it came with its head, as nearly every body does
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        message = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise InvalidRequest(message, code="body_too_slow", status=HTTPStatus.REQUEST_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        raise not_json("The body ended before it was complete, or cannot be decompressed.") from None


def _wrong_field(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    param = _path(first["loc"])
    if first["type"] == "missing":
        return _missing(param)
    if first["type"] == "extra_forbidden":
        return _unknown(param)
    message = f"{param or 'The body'} has the wrong type: {first['msg']}."
    return InvalidRequest(message, param=param or None, code="wrong_type", status=HTTPStatus.BAD_REQUEST)


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(f"{param} is missing.", param=param, code="missing_field")


def _unknown(param: str) -> InvalidRequest:
    return InvalidRequest(f"{param} is not a field of this request.", param=param, code="unknown_field")


def _wrong_type(param: str, wanted: str) -> InvalidRequest:
    message = f"{param or 'The body'} must be {wanted}."
    return InvalidRequest(message, param=param or None, code="wrong_type", status=HTTPStatus.BAD_REQUEST)


def _path(location: tuple[int | str, ...]) -> str:
    """Return where in the body something is, like `events[1]` or `headers.X-Team`."""
    steps = (f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in location)
    return "".join(steps).removeprefix(".")
