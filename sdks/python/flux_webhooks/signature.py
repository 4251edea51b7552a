"""The check that a receiver makes before it believes a request: is this body signed with our secret, and just now?

    flux-signature     t=<t>,v1=<hex>[,v1=<hex> by an older secret]

Each `v1` is the HMAC-SHA256 of "<t>.<body>", and the key is the secret's text, `whsec_` included.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Iterable
from typing import Any

from flux_webhooks.errors import SignatureError

TOLERANCE_SECONDS = 300
MAX_HEADER_LENGTH = 4096
MAX_SIGNATURES = 16


def verify(
    payload: bytes | bytearray | memoryview | str,
    signature: str | bytes | None,
    secret: str | Iterable[str] | None,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> dict[str, Any]:
    """Check the `flux-signature` header against the raw body and return the event.

    Args:
        payload: the request body exactly as it arrived.
        signature: the value of the header `flux-signature`; None if the request had none.
        secret: the webhook's secret, or several of which one must fit.
        tolerance_seconds: how far the signature's time may lie from `now`, either way.
        now: unix seconds; the machine's clock unless given.

    Raises:
        SignatureError: it does not prove that the body came from Flux Dispatch; `code` says why.
        TypeError: the payload is a parsed object (it must be the raw body), or the signature is no header's value.
    """
    body = _raw(payload)
    keys = _keys(secret)
    timestamp, given = _parse(_text(signature))
    message = b"%b.%b" % (timestamp, body)
    expected = [hmac.digest(key, message, "sha256").hex().encode() for key in keys]
    # every pair is compared, so that the time taken tells nothing about which one fitted
    if not any([hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]):  # noqa: C419
        raise SignatureError(
            "no_match",
            "No signature fits: check that the secret is this webhook's and the body is the raw request body.",
        )
    _check_age(int(timestamp), time.time() if now is None else now, tolerance_seconds)
    return _event(body)


def _raw(payload: object) -> bytes:
    if isinstance(payload, str):
        # half a surrogate pair is no reason to fail: it was never signed, so it fits nothing
        return payload.encode("utf-8", "surrogatepass")
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    message = (
        f"verify() needs the raw request body as bytes or str, not {_kind(payload)}: a body that was parsed and "
        "serialised again no longer has the bytes that were signed. Pass request.body (Django), request.get_data() "
        "(Flask) or await request.body() (FastAPI, Starlette)."
    )
    raise TypeError(message)


def _keys(secret: object) -> list[bytes]:
    listed = list(secret) if isinstance(secret, Iterable) and not isinstance(secret, (str, bytes)) else [secret]
    if not listed or listed == [None]:
        raise SignatureError("bad_secret", "No secret was given.")
    return [_key(each) for each in listed]


def _key(secret: object) -> bytes:
    if not isinstance(secret, str):
        raise SignatureError("bad_secret", f"A signing secret is text, not {_kind(secret)}.")
    key = secret.strip()
    if _SECRET.fullmatch(key) is None:
        raise SignatureError("bad_secret", "A signing secret starts with whsec_, followed by base64.")
    return key.encode()


def _text(signature: object) -> str:
    if signature is None:
        return ""
    if isinstance(signature, bytes):
        return signature.decode("latin-1")
    if isinstance(signature, str):
        return signature
    message = f"verify() needs the value of the header flux-signature as text, not {_kind(signature)}."
    raise TypeError(message)


def _parse(header: str) -> tuple[bytes, list[bytes]]:
    """Return the time, as the digits that were signed, and the signatures."""
    if not header:
        raise SignatureError("missing_header", "The flux-signature header is missing or empty.")
    if len(header) > MAX_HEADER_LENGTH:
        raise SignatureError("malformed", "The flux-signature header is too long to be one of ours.")
    fields = [field.partition("=") for field in header.split(",")]
    times = [value for name, _, value in fields if name == "t"]
    signatures = [value for name, _, value in fields if name == "v1"]
    well_formed = len(times) == 1 and _TIME.fullmatch(times[0]) and 0 < len(signatures) <= MAX_SIGNATURES
    if not well_formed or not all(_SIGNATURE.fullmatch(each) for each in signatures):
        raise SignatureError("malformed", "The flux-signature header should look like t=<seconds>,v1=<64 hex digits>.")
    return times[0].encode(), [each.encode() for each in signatures]


def _check_age(timestamp: int, now: float, tolerance_seconds: float) -> None:
    # asked for what must hold, so that a tolerance or a clock that is no number (NaN) lets nothing pass
    if not timestamp >= now - tolerance_seconds:
        raise SignatureError("too_old", "The signature is older than the tolerance: a replay, or a clock that is off.")
    if not timestamp <= now + tolerance_seconds:
        raise SignatureError("too_new", "The signature lies in the future: one of the two clocks is off.")


def _event(body: bytes) -> dict[str, Any]:
    try:
        # decoded here, since json guesses the encoding of bytes: text and bytes shall pass or fail alike
        event = json.loads(body.decode())
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise SignatureError("malformed", "The signature fits, but the body is not a JSON object.")
    return event


def _kind(thing: object) -> str:
    return f"a {type(thing).__name__}"


_SECRET = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4}){8,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
"""Standard base64 of at least 24 bytes."""
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
