"""Both signatures of a delivery.

One secret, two derivations, so that it works with `flux_webhooks.verify`, with Stripe's libraries and with every
Standard Webhooks library (standardwebhooks.com, "Signature scheme"):

    flux-signature     t=<t>,v1=<hex>    HMAC-SHA256 of "<t>.<body>", key: the secret's text, `whsec_` included
    webhook-signature  v1,<base64>       HMAC-SHA256 of "<id>.<t>.<body>", key: the bytes that the secret encodes

`sdks/vectors.json` holds this and every SDK's verification together.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - public: it tells a secret from other text
SECRET_BYTES: Final = 24
"""24 bytes need no base64 padding, which the strictest library (Go's) does not take."""


def encode_secret(random: bytes) -> str:
    """Return the secret that encodes these random bytes, of which there should be `SECRET_BYTES`."""
    return SECRET_PREFIX + b64encode(random).decode()


def validate_secret(text: str, *, param: str = "secret") -> str:
    """Return a secret that whoever verifies with it has made, if it is like those that `encode_secret` returns.

    Raises:
        InvalidRequest: it is none, or not of `SECRET_BYTES` bytes.
    """
    try:
        decoded = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        decoded = b""
    if encode_secret(decoded) != text or len(decoded) != SECRET_BYTES:
        message = f"A secret is {SECRET_PREFIX} and then {SECRET_BYTES} random bytes in standard base64."
        raise InvalidRequest(message, param=param)
    return text


def sign_flux(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """Return the value of `flux-signature`: the newest secret signs first, older ones follow."""
    message = b"%d.%b" % (timestamp, body)
    return f"t={timestamp}," + ",".join("v1=" + _hex(secret, message) for secret in secrets)


def sign_standard(secrets: Sequence[str], event_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`, by the Standard Webhooks specification."""
    message = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return " ".join("v1," + _base64(secret, message) for secret in secrets)


def _hex(secret: str, message: bytes) -> str:
    return hmac.digest(secret.encode(), message, "sha256").hex()


def _base64(secret: str, message: bytes) -> str:
    return b64encode(hmac.digest(_decoded(secret), message, "sha256")).decode()


@lru_cache(maxsize=4096)
def _decoded(secret: str) -> bytes:
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
