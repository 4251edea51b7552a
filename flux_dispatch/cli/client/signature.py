"""What `flux verify` does: the check of the SDK, and where it fails, what most often is the reason."""

import json
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from flux_webhooks import SignatureError, verify

from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.client.ids import whole_id
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.terminal import say
from flux_dispatch.cli.output.text import one_line
from flux_dispatch.cli.output.times import span

HEADER: Final = "flux-signature"
ANY_AGE: Final = float("inf")


def read_body() -> bytes:
    """Return what stands on standard input, byte for byte.

    Raises:
        CliError: nobody gave a body.
    """
    if sys.stdin.isatty():
        raise CliError("The raw body comes on standard input: flux verify … < body.json")
    return sys.stdin.buffer.read()


def signature_of(headers: Sequence[str]) -> str:
    """Return the value of flux-signature out of headers that were pasted; one without a name is taken for it."""
    named = [each.partition(":") for each in headers]
    for name, found, value in named:
        if found and name.strip().lower() == HEADER:
            return value.strip()
    return next((each.strip() for each in headers if each.strip().startswith(("t=", "v1="))), "")


def check_signature(body: bytes, signature: str, secrets: Sequence[str], webhook: str | None, tolerance: int) -> None:
    """Say that a signature is valid.

    Raises:
        CliError: it is not; the message begins with the code.
    """
    if webhook:
        with connected() as flux:
            secrets = [flux.webhooks.secret(whole_id(flux, webhook)).secret]
    try:
        event = verify(body, signature, secrets, tolerance_seconds=tolerance)
    except SignatureError as error:
        message = f"{error.code}: {error.message}{_likely(error.code, body, signature, secrets)}"
        if shared_options().as_json:
            say_json({"valid": False, "code": error.code, "message": message})
        raise CliError(one_line(message)) from None
    if shared_options().as_json:
        say_json({"valid": True, "event": event})
        return
    say(one_line(f"valid: {event.get('type')} {event.get('id')}, signed {_age(signature)}"))


def _likely(code: str, body: bytes, signature: str, secrets: Sequence[str]) -> str:
    """Return what is wrong most probably, found by trying it."""
    if code == "missing_header":
        return f" Give it as --header '{HEADER}: t=…,v1=…'."
    if code in {"too_old", "too_new"}:
        return f" It was signed {_age(signature)}; --tolerance takes more seconds for a look at an old one."
    return _difference(body, signature, secrets) if code == "no_match" else ""


def _difference(body: bytes, signature: str, secrets: Sequence[str]) -> str:
    if not body:
        return " The body is empty: give it on standard input."
    if body.endswith(b"\n") and _fits(body.rstrip(b"\r\n"), signature, secrets):
        return " It fits without the line break at the end, which an editor or echo adds: use printf or --data-binary."
    if _fits(_rewritten(body), signature, secrets):
        return " It fits the JSON as it was sent: something has parsed this body, and written it anew."
    return ""


def _fits(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    try:
        verify(body, signature, secrets, tolerance_seconds=ANY_AGE)
    except SignatureError:
        return False
    return True


def _rewritten(body: bytes) -> bytes:
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return b""
    return json.dumps(parsed, separators=(",", ":")).encode()


def _age(signature: str) -> str:
    signed_at = next((part[2:] for part in signature.split(",") if part.startswith("t=")), "0")
    seconds = time.time() - float(signed_at)
    return f"{span(timedelta(seconds=abs(seconds)))} {'ago' if seconds >= 0 else 'ahead of this clock'}"
