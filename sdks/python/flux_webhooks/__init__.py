"""Receives the webhooks of Flux Dispatch: `verify` proves that a request came from it, and returns the event."""

from flux_webhooks.errors import SignatureError
from flux_webhooks.signature import verify

__version__ = "0.1.0"
__all__ = ["SignatureError", "verify"]
