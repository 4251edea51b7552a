"""Who calls: a request to the API or a Celery message, recorded as a span that goes on with its caller's trace."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.trace import SpanContext, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flux_dispatch.api.auth import ACCOUNT
from workers.tracing.spans import CAUSE, Attributes, Cause, Span, SpanRecorder, text_of_others

API: Final = "/v1/"
"""What is traced begins so. Pages, health checks and what is asked for again and again are none of an event's way."""

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_HEADERS: Final = ("traceparent", "tracestate")
_W3C: Final = TraceContextTextMapPropagator()


def caller_in(headers: Mapping[str, Sequence[object]]) -> SpanContext | None:
    """Return the caller's span, as the values of its headers name it; None where they are not what W3C asks for."""
    given = {name: values[0] for name in _HEADERS if len(values := headers.get(name, ())) == 1}
    if not all(isinstance(each, str) for each in given.values()):
        return None
    found = get_current_span(_W3C.extract(given)).get_span_context()
    return found if found.is_valid else None


def request_tracing(recorder: SpanRecorder) -> Middleware:
    """Return a middleware that records requests; it stands before all others, and sees every answer."""

    @web.middleware
    async def trace_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API):
            return await handler(request)
        began_ns = time.time_ns()
        parent = caller_in({name: request.headers.getall(name, ()) for name in _HEADERS})
        cause = recorder.cause(parent)
        token = CAUSE.set(cause)
        response: web.StreamResponse | None = None
        try:
            response = await handler(request)
        finally:
            CAUSE.reset(token)
            # what stays open for hours is not a request like others
            if not isinstance(response, web.WebSocketResponse):
                recorder.record(_span_of(request, response, cause, parent, began_ns))
        return response

    return trace_request


def _span_of(
    request: web.Request, response: web.StreamResponse | None, cause: Cause, parent: SpanContext | None, began_ns: int
) -> Span:
    method = request.method if request.method in _METHODS else "_OTHER"
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else None
    attributes: dict[str, str | int | float | bool] = {
        "http.request.method": method,
        "url.scheme": request.scheme,
        "url.path": text_of_others(request.path),
        **({"http.route": route} if route else {}),
        **({"flux.account.id": request[ACCOUNT]} if ACCOUNT in request else {}),
    }
    # no answer: whoever asked is gone
    failure: str | None = ""
    if response is not None:
        attributes["http.response.status_code"] = response.status
        if "X-Request-Id" in response.headers:
            attributes["flux.request.id"] = response.headers["X-Request-Id"]
        failure = None if response.status < HTTPStatus.INTERNAL_SERVER_ERROR else ""
    if failure is not None:
        attributes["error.type"] = "canceled" if response is None else str(response.status)
    name = f"{method if method in _METHODS else 'HTTP'} {route or ''}".rstrip()
    ended_ns = time.time_ns()
    return Span(name, cause.context, SpanKind.SERVER, began_ns, ended_ns, attributes, parent, cause.published, failure)


@contextmanager
def message_tracing(recorder: SpanRecorder, task: str, request: Mapping[str, Any]) -> Iterator[None]:
    """Record the work on a Celery message that is done in the block; its headers may name its producer's span."""
    began_ns = time.time_ns()
    given = {name: [request[name]] for name in _HEADERS if request.get(name) is not None}
    parent = caller_in(given)
    cause = recorder.cause(parent)
    token = CAUSE.set(cause)
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        CAUSE.reset(token)
        recorder.record(
            Span(
                f"process {task}",
                cause.context,
                SpanKind.CONSUMER,
                began_ns,
                time.time_ns(),
                _message_attributes(task, request, error),
                parent,
                cause.published,
                None if error is None else "",
            )
        )


def _message_attributes(task: str, request: Mapping[str, Any], error: BaseException | None) -> Attributes:
    queue = (request.get("delivery_info") or {}).get("routing_key")
    return {
        "messaging.system": "celery",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": text_of_others(queue or ""),
        "messaging.message.id": text_of_others(request.get("id")),
        "celery.task_name": task,
        **({"error.type": type(error).__name__} if error is not None else {}),
    }
