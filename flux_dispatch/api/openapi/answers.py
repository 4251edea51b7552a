"""What all answers have in common: pages of lists, headers, and errors."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flux_dispatch.api.auth import ActsFor
from flux_dispatch.api.errors import DOCUMENTATION
from flux_dispatch.api.filters import Parameter
from flux_dispatch.api.openapi.errors import ERROR_CODES
from flux_dispatch.api.openapi.operation import Operation
from flux_dispatch.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from flux_dispatch.domain.api_key import Scope

LIST_PARAMETERS: Final[Mapping[str, Parameter]] = {
    "limit": Parameter(
        int,
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "How many things a page has.",
    ),
    "cursor": Parameter(str, {"type": "string", "minLength": 1}, "The `next_cursor` of the page before."),
}


def _header(description: str, example: object, **schema: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"description": description, "schema": {"type": "string", **schema}, "example": example}


HEADERS: Final[Mapping[str, Any]] = {
    "X-Request-Id": _header("The name of the request.", "req_4f1c2a9be07d5b3c8e6f1a20", pattern="^req_[0-9a-f]{24}$"),
    "Location": _header("Where what was made is found.", "/v1/webhooks/wh_019bc0d6f4c57b3e9f21c4d8e6a70002"),
    "Content-Disposition": _header("What to call the file.", 'attachment; filename="audit-log.csv"'),
    "Idempotent-Replayed": _header("The event was there already, made with the same key.", "true", const="true"),
    "Retry-After": _header("In how many seconds to send the same request again.", "1", pattern="^[0-9]+$"),
    "RateLimit-Limit": _header(
        "How much a second the key may ask for, where it has a limit.", "100", pattern="^[0-9]+$"
    ),
    "RateLimit-Remaining": _header("How much of that is left.", "87", pattern="^[0-9]+$"),
    "RateLimit-Reset": _header("In how many seconds all of it is.", "1", pattern="^[0-9]+$"),
    "WWW-Authenticate": _header("How to show a key.", "Bearer", const="Bearer"),
}

ALL_ANSWERS: Final = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
"""The headers that every answer to a key may carry."""

_ALL_KEYS: Final = ("invalid_api_key", "missing_scope", "bad_request", "rate_limited", "internal_error", "unavailable")
_BODY: Final = (
    "not_json",
    "invalid_json",
    "body_too_large",
    "body_too_slow",
    "missing_field",
    "unknown_field",
    "wrong_type",
    "invalid_value",
)
_LIST: Final = ("invalid_parameter", "query_too_slow")
_RETRY_AFTER: Final = {429, 503}
ERROR_SCHEMA: Final = {
    "type": "object",
    "description": "What went wrong. Decide by `code`, or by the status.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "doc_url", "request_id"],
            "properties": {
                "type": {
                    "type": "string",
                    "enum": sorted({each.kind for each in ERROR_CODES.values()}),
                    "description": "What kind of error it is.",
                },
                "code": {"type": "string", "enum": sorted(ERROR_CODES), "description": "What went wrong, in one word."},
                "message": {"type": "string", "description": "What to mend, and how; for people, and may change."},
                "param": {"type": ["string", "null"], "description": "The field, header or parameter that is wrong."},
                "doc_url": {"type": "string", "format": "uri", "description": "Where the code is explained."},
                "request_id": {"type": "string", "description": "The request's `X-Request-Id`."},
            },
        }
    },
}


def list_schema(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one page of a list."""
    return {
        "type": "object",
        "required": ["object", "data", "has_more", "next_cursor"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": item, "description": "The newest first."},
            "has_more": {"type": "boolean", "description": "Whether there is another page."},
            "next_cursor": {
                "type": ["string", "null"],
                "description": "What continues the list, as `cursor`; null at its end.",
                "examples": [None],
            },
        },
    }


def error_codes(operation: Operation, *, acts_for: ActsFor, scope: Scope) -> dict[int, tuple[str, ...]]:
    """Return the codes of the errors of an operation, by their statuses."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(_codes(operation, acts_for, scope)):
        for status in ERROR_CODES[code].statuses:
            by_status[status].append(code)
    return {status: tuple(codes) for status, codes in sorted(by_status.items())}


def error_answer(status: int, codes: Sequence[str]) -> dict[str, Any]:
    """Return what an answer with this status and one of these codes is like."""
    names = ["X-Request-Id"] if status == HTTPStatus.UNAUTHORIZED else [*ALL_ANSWERS]
    if status in _RETRY_AFTER:
        names.append("Retry-After")
    if status == HTTPStatus.UNAUTHORIZED:
        names.append("WWW-Authenticate")
    only = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    return {
        "description": " ".join(ERROR_CODES[code].summary for code in codes),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            "application/json": {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Error"}, only]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def error_example(code: str) -> dict[str, Any]:
    """Return an answer with this code."""
    error = ERROR_CODES[code]
    return {
        "error": {
            "type": error.kind,
            "code": code,
            "message": error.message,
            "param": error.param,
            "doc_url": f"{DOCUMENTATION}/errors.md#{code}",
            "request_id": "req_4f1c2a9be07d5b3c8e6f1a20",
        }
    }


ERROR_EXAMPLES: Final = {
    code: {"summary": each.summary, "value": error_example(code)} for code, each in ERROR_CODES.items()
}


def _codes(operation: Operation, acts_for: ActsFor, scope: Scope) -> Iterable[str]:
    yield from _ALL_KEYS
    if acts_for is ActsFor.PLATFORM:
        yield "platform_key_needed"
    else:
        yield "not_found"
    if acts_for is ActsFor.ACCOUNT:
        yield "account_missing"
    if operation.path:
        yield "not_found"
    if operation.body is not None:
        yield from _BODY
    if operation.query is not None:
        yield from _LIST
    if scope is Scope.READ:
        yield "too_many_reads"
    yield from operation.errors
