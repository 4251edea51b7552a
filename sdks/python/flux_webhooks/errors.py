"""What this package raises on purpose.

FluxError
├── SignatureError            what arrived does not prove that it came from Flux Dispatch
├── ConfigurationError        the key, the URL or an option of the client cannot be right
├── APIError                  the API refused the request, or would (then nothing was sent)
│   ├── InvalidRequestError       a value is wrong, or what is there does not allow it
│   ├── AuthenticationError       no key, or one that does not work
│   ├── PermissionDeniedError     the key may not do this
│   ├── NotFoundError             no such thing in this account
│   ├── IdempotencyError          an idempotency key came before with another event
│   ├── RateLimitError            too much at once; `retry_after` says for how long to wait
│   └── ServerError               the fault is on the API's side
├── APIConnectionError        no answer came
│   └── APITimeoutError           not in time
└── APIResponseError          an answer came, but none of the API's: a proxy's page, a cut body, a redirect
"""

from __future__ import annotations

from typing import Any, Final, Literal

DOCUMENTATION: Final = "https://github.com/flux-dispatch/flux-dispatch/blob/main/docs/errors.md"
Code = Literal["missing_header", "malformed", "no_match", "too_old", "too_new", "bad_secret"]


class FluxError(Exception):
    """The root of them all; `message` says what is wrong and how to mend it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # so that each survives pickling on its way out of another process, whatever its constructor takes
        return _again, (type(self), self.args, self.__dict__)


class SignatureError(FluxError):
    """A signature does not prove what it should; `code` says why, the message how to mend it.

    Every code but `bad_secret`, which is the receiver's own mistake, is the sender's: answer it with 400.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.args = (code, message)
        self.code = code


class ConfigurationError(FluxError, ValueError):
    """The client cannot be made like this: a key, URL, option or variable of the environment that cannot be right."""


class APIError(FluxError):
    """The API refused the request.

    Attributes:
        code: what is wrong, in a word to decide by; docs/errors.md explains each.
        type: the kind of error, in the API's own word.
        param: the field, header or parameter that is wrong, like `events[1]`; None: the request as a whole.
        status: the HTTP status.
        doc_url: where the code is explained.
        request_id: name it when you ask for help; None where nothing was sent, because the client saw it before.
    """

    type = "api_error"

    def __init__(  # noqa: PLR0913 - the fields of the API's own envelope
        self,
        message: str,
        *,
        code: str,
        status: int,
        param: str | None = None,
        doc_url: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.param = param
        self.doc_url = doc_url or f"{DOCUMENTATION}#{code}"
        self.request_id = request_id

    def __str__(self) -> str:
        where = f" ({self.param})" if self.param else ""
        named = f" [{self.request_id}]" if self.request_id else ""
        return f"{self.code}{where}: {self.message}{named}"


class InvalidRequestError(APIError):
    """A value is wrong, then `param` names it; or (`status` 409) what is there does not allow the request now."""

    type = "invalid_request_error"


class AuthenticationError(APIError):
    """No key came, or one that was never made, was revoked, or is over."""

    type = "authentication_error"


class PermissionDeniedError(APIError):
    """The key works, but may not do this; the message names the scope, or the bound, that it lacks."""

    type = "permission_error"


class NotFoundError(APIError):
    """There is no such thing in this account; another account's things answer the same."""

    type = "not_found_error"


class IdempotencyError(APIError):
    """The idempotency key came before with another type or other data; that event is stored as it was."""

    type = "idempotency_error"


class RateLimitError(APIError):
    """Too much was asked for at once; `retry_after` is in how many seconds to ask again, None if that was not said."""

    type = "rate_limit_error"
    retry_after: float | None = None


class ServerError(APIError):
    """The fault is on the API's side; `retry_after` as for RateLimitError."""

    retry_after: float | None = None


class APIConnectionError(FluxError):
    """No answer came: the server cannot be reached, or the connection was cut. It may have done what it was told."""


class APITimeoutError(APIConnectionError):
    """No answer came in time. The server may have done what it was told."""


class APIResponseError(FluxError):
    """An answer came that is not the API's: a proxy's page, a body that was cut, a redirect, a field that is missing.

    `status` is its HTTP status, `request_id` its X-Request-Id, if it has one; `retry_after` as for RateLimitError.
    """

    retry_after: float | None = None

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


def _again(kind: type[FluxError], args: tuple[Any, ...], attributes: dict[str, Any]) -> FluxError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
