"""Every error that this product raises on purpose, divided by whose fault it was.

    FluxError
    ├── CallerError            the caller can mend it; the message says how
    │   ├── InvalidRequest         a value is wrong            (param names it)
    │   │   └── MalformedId            an id that cannot be one
    │   ├── Unauthenticated        no usable API key
    │   ├── Forbidden              a good key without the right
    │   │   ├── PlatformKeyNeeded      what is about accounts takes a platform key
    │   │   └── BeyondOwnKey           no key makes one that may do more
    │   ├── NotFound               no such thing in this account
    │   ├── IdempotencyConflict    one key, two different bodies
    │   ├── QueryTooSlow           too much to read; narrower filters will do
    │   └── TooManyRequests        too much at once; less, or later, will do
    │       ├── TooManyTests           other tests of alert channels are under way
    │       └── RateLimited            more than the key may ask for
    └── InternalError               the fault is on our side
        ├── IllegalTransition            a delivery was asked to do what its state does not allow
        ├── CannotUnseal                 what is sealed does not open with the keys that there are
        └── Unavailable            a part we need is unavailable for the moment

What a customer's server answers is never an error of this tree: it is an Outcome.
"""

from http import HTTPStatus


class FluxError(Exception):
    """The root; `status` is the HTTP status that the API answers, `kind` and `code` fill its error envelope."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "api_error"
    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CallerError(FluxError):
    """The caller can mend this one."""

    status = HTTPStatus.BAD_REQUEST
    kind = "invalid_request_error"
    code = "invalid_request"


class InvalidRequest(CallerError):
    """A value is wrong; `param` is its path in the request, or None when it is the request as a whole."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str = "invalid_value",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status

    def within(self, place: str) -> "InvalidRequest":
        """Return the same error for a value that stands at this place of a larger request, like `events[17]`."""
        param = f"{place}.{self.param}" if self.param else place
        return InvalidRequest(self.message, param=param, code=self.code, status=self.status)


class MalformedId(InvalidRequest):
    """The text cannot be an id of this noun."""

    def __init__(self, prefix: str, text: str) -> None:
        super().__init__(
            f"{text[:60]!r} is not an id: it should look like {prefix}_ followed by 32 hex digits.", code="malformed_id"
        )


class Unauthenticated(CallerError):
    """No usable API key came with the request; one message for every reason, so that none can be probed."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "authentication_error"
    code = "invalid_api_key"


class Forbidden(CallerError):
    """The key is good, but it may not do this: its scopes do not cover the call."""

    status = HTTPStatus.FORBIDDEN
    kind = "permission_error"
    code = "missing_scope"


class PlatformKeyNeeded(Forbidden):
    """The call is about accounts themselves, and the key belongs to one."""

    code = "platform_key_needed"


class BeyondOwnKey(Forbidden):
    """A key would be made that may do more than the key that asks for it; `param` names what would be more."""

    code = "beyond_own_key"

    def __init__(self, message: str, *, param: str) -> None:
        super().__init__(message)
        self.param = param


class NotFound(CallerError):
    """There is no such thing in this account; another account's things answer the same."""

    status = HTTPStatus.NOT_FOUND
    kind = "not_found_error"
    code = "not_found"


class IdempotencyConflict(CallerError):
    """An idempotency key that was used before came with another body; `param` names the event of a batch."""

    status = HTTPStatus.CONFLICT
    kind = "idempotency_error"
    code = "idempotency_key_reused"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class QueryTooSlow(CallerError):
    """What was asked for would take too long to find; asking for less will do."""

    code = "query_too_slow"


class TooManyRequests(CallerError):
    """The account asks for more at once than it may; the same request may be sent again a little later."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    kind = "rate_limit_error"
    code = "too_many_reads"


class TooManyTests(TooManyRequests):
    """As many tests of alert channels are under way as may be at once."""

    code = "too_many_tests"


class RateLimited(TooManyRequests):
    """The key asks for more than it may; after `retry_seconds` the same request may be sent again."""

    code = "rate_limited"

    def __init__(self, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class InternalError(FluxError):
    """The fault is on our side."""


class IllegalTransition(InternalError):
    """A delivery was asked to do what its state does not allow; nothing was changed."""


class CannotUnseal(InternalError):
    """A sealed value does not open; the message says what an operator must do. It costs nothing but that value."""

    code = "cannot_unseal"


class Unavailable(InternalError):
    """A part we need (the database) is unavailable for the moment; the same request may be sent again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    @property
    def cause(self) -> str:
        """What was behind it, in one line, for the log of those who operate this."""
        error: BaseException = self
        while error.__cause__ is not None:
            error = error.__cause__
        words = str(error).splitlines()
        return f"{type(error).__name__}: {words[0]}" if words else type(error).__name__
