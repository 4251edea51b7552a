"""The Python SDK of Flux Dispatch: `Flux` and `AsyncFlux` call its API, `verify` proves that a request came from it.

The clients are loaded when they are first asked for, so whoever only verifies loads no HTTP library.
"""

from importlib import import_module
from typing import Any

from flux_webhooks.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    FluxError,
    IdempotencyError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    SignatureError,
)
from flux_webhooks.signature import verify

__version__ = "0.1.0"
__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APITimeoutError",
    "AsyncFlux",
    "AsyncPage",
    "AuthenticationError",
    "ConfigurationError",
    "Flux",
    "FluxError",
    "IdempotencyError",
    "InvalidRequestError",
    "NotFoundError",
    "Page",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "SignatureError",
    "verify",
]
_LATER = {"AsyncFlux": "_async.client", "AsyncPage": "_async.pages", "Flux": "_sync.client", "Page": "_sync.pages"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what it is, __init__.pyi says
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
