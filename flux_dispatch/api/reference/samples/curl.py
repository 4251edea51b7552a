"""A call with curl, ready to be pasted into a shell that has FLUX_API_KEY."""

import json
import re
import shlex
from typing import Final
from urllib.parse import urlencode

from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.reference.samples.literals import WIDTH

_PLAIN: Final = re.compile(r"[\w./:-]+")
_KEY: Final = '-H "Authorization: Bearer $FLUX_API_KEY"'


def sample(call: Call) -> str:
    """Return the command."""
    url = call.url + (f"?{urlencode(call.query)}" if call.query else "")
    method = "" if call.method == "GET" else f"-X {call.method} "
    asked = url if _PLAIN.fullmatch(url) else _quoted(url)
    first = f"curl {method}{asked}"
    parts = [first, _KEY] if len(first) <= WIDTH else [f"curl {method}".strip(), asked, _KEY]
    if call.idempotency_key:
        parts.append(f"-H {_quoted(f'Idempotency-Key: {call.idempotency_key}')}")
    if call.body is not None:
        parts.append('-H "Content-Type: application/json"')
        parts.append(f"-d {_quoted(json.dumps(call.body, indent=2, ensure_ascii=False))}")
    return " \\\n  ".join(parts)


def _quoted(text: str) -> str:
    """Return text as the shell takes it for one word, whatever stands in it; a pasted ! does nothing within '."""
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"
