"""Commands that people copy into their shell: to publish an event, and to send again what a receiver got."""

import json
import shlex
from collections.abc import Iterable

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, SESSION
from flux_dispatch.dashboard.dependencies import DEPENDENCIES


def publishing(request: web.Request, event_type: str, data: str) -> str:
    """Return the command that publishes an event of this type with this data, which is JSON."""
    base = request.app[DEPENDENCIES].public_url or str(request.url.origin())
    headers = ["Authorization: Bearer $FLUX_API_KEY", "Content-Type: application/json"]
    if request[SESSION].is_operator:
        headers.insert(1, f"Flux-Account: {request[ACCOUNT].id}")
    body = f'{{"type":{json.dumps(event_type)},"data":{data}}}'
    # the key is the shell's to fill in, so its header stands in other quotes
    named = [f'-H "{each}"' for each in headers]
    return _lines(f"curl {shlex.quote(base.rstrip('/') + '/v1/events')}", *named, f"-d {shlex.quote(body)}")


def sending(url: str, headers: Iterable[tuple[str, str]], body: str) -> str:
    """Return the command that sends a receiver the same body."""
    named = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers]
    return _lines(f"curl {shlex.quote(url)}", *named, f"--data-binary {shlex.quote(body)}")


def _lines(*parts: str) -> str:
    return " \\\n  ".join(parts)
