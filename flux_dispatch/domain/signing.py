"""Both signatures of a delivery, and the check a receiver makes.

One secret, two derivations, so that it works with `flux.webhooks.verify`, with Stripe's libraries and with every
Standard Webhooks library (standardwebhooks.com, "Signature scheme"):

    flux-signature     t=<t>,v1=<hex>    HMAC-SHA256 of "<t>.<body>", key: the secret's text, `whsec_` included
    webhook-signature  v1,<base64>       HMAC-SHA256 of "<id>.<t>.<body>", key: the bytes that the secret encodes
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from flux_dispatch.domain.errors import SignatureError

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - public: it tells a secret from other text
SECRET_BYTES: Final = 24
"""24 bytes need no base64 padding, which the strictest library (Go's) does not take."""

TOLERANCE_SECONDS: Final = 300
LONGEST_HEADER: Final = 4096
MOST_SIGNATURES: Final = 16


def secret_from(random: bytes) -> str:
    """Return the secret that encodes these random bytes, of which there should be `SECRET_BYTES`."""
    return SECRET_PREFIX + b64encode(random).decode()


def sign_flux(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """Return the value of `flux-signature`: the newest secret signs first, older ones follow."""
    message = b"%d.%b" % (timestamp, body)
    return f"t={timestamp}," + ",".join("v1=" + _hex(secret, message) for secret in secrets)


def sign_standard(secrets: Sequence[str], event_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`, by the Standard Webhooks specification."""
    message = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return " ".join("v1," + _base64(secret, message) for secret in secrets)


def verify(
    payload: bytes | str,
    header: str,
    secrets: str | Iterable[str],
    *,
    now: float,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> dict[str, Any]:
    """Check a `flux-signature` header against the raw body and return the event.

    Args:
        payload: the request body exactly as it arrived.
        header: the value of `flux-signature`.
        secrets: the webhook's secret, or several of which one must fit.
        now: unix seconds.
        tolerance_seconds: how far the signature's time may lie from `now`, either way.

    Raises:
        SignatureError: it does not prove that the body came from us; `code` says why.
        TypeError: the payload is a parsed object; it must be the raw body.
    """
    body = _raw(payload)
    keys = _keys(secrets)
    timestamp, signatures = _parse(header)
    message = b"%d.%b" % (timestamp, body)
    expected = [_hex(key, message).encode() for key in keys]
    # every pair is compared, so that the time taken tells nothing about which one fitted
    if not any([hmac.compare_digest(each, given) for each in expected for given in signatures]):  # noqa: C419
        raise SignatureError(
            "no_match",
            "No signature fits: check that the secret is this webhook's and the body is the raw request body.",
        )
    _check_age(timestamp, now, tolerance_seconds)
    return _event(body)


def _hex(secret: str, message: bytes) -> str:
    return hmac.digest(secret.encode(), message, "sha256").hex()


def _base64(secret: str, message: bytes) -> str:
    return b64encode(hmac.digest(_decoded(secret), message, "sha256")).decode()


@lru_cache(maxsize=4096)
def _decoded(secret: str) -> bytes:
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def _raw(payload: bytes | str) -> bytes:
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    message = (
        f"verify() needs the raw request body as bytes or str, not a {type(payload).__name__}: "
        "a body that was parsed and serialised again no longer has the bytes that were signed."
    )
    raise TypeError(message)


def _keys(secrets: str | Iterable[str]) -> list[str]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    keys = [each.strip() for each in listed]
    if not keys:
        raise SignatureError("bad_secret", "No secret was given.")
    for key in keys:
        try:
            good = key.startswith(SECRET_PREFIX) and len(_decoded(key)) >= SECRET_BYTES
        except (NotBase64, ValueError):
            good = False
        if not good:
            raise SignatureError("bad_secret", "A signing secret starts with whsec_, followed by base64.")
    return keys


def _parse(header: str) -> tuple[int, list[bytes]]:
    if not header:
        raise SignatureError("missing_header", "The flux-signature header is missing or empty.")
    if len(header) > LONGEST_HEADER:
        raise SignatureError("malformed", "The flux-signature header is too long to be one of ours.")
    fields = [field.partition("=") for field in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    signatures = [value for name, _, value in fields if name == "v1"]
    well_formed = len(times) == 1 and _TIME.fullmatch(times[0]) and 0 < len(signatures) <= MOST_SIGNATURES
    if not well_formed or not all(_SIGNATURE.fullmatch(each) for each in signatures):
        raise SignatureError("malformed", "The flux-signature header should look like t=<seconds>,v1=<64 hex digits>.")
    return int(times[0]), [each.encode() for each in signatures]


def _check_age(timestamp: int, now: float, tolerance_seconds: float) -> None:
    if timestamp < now - tolerance_seconds:
        raise SignatureError("too_old", "The signature is older than the tolerance: a replay, or a clock that is off.")
    if timestamp > now + tolerance_seconds:
        raise SignatureError("too_new", "The signature lies in the future: one of the two clocks is off.")


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise SignatureError("malformed", "The signature fits, but the body is not a JSON object.")
    return event


_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
