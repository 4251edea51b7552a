"""A process that sends messages with Apprise, apart from all else: what hangs or breaks ends this process, and no more.

It reads lines of JSON: first what it may do, then one request each, and answers each with a line. When nobody asks any
more, it ends at once, in the middle of whatever it does: who has died must not go on sending.
"""

import json
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

from apprise.manager_plugins import NotificationManager

from flux_dispatch.channels.guard import BLOCKED, Guard
from flux_dispatch.channels.plugin import (
    RefusedUrl,
    check_recipients,
    plugin_of,
    send_by,
    service_of,
    target_of,
    title_of,
)
from flux_dispatch.channels.trouble import secrets_in, without_secrets
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.memory_limit import limit_memory

MAX_MEMORY: Final = 2 << 30
"""Bytes of address space: a server may answer with more than anybody wants to keep."""


def main() -> None:
    """Answer until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whatever a plugin prints is no answer
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(MAX_MEMORY)
    rules: Mapping[str, Any] = json.loads(sys.stdin.readline())
    NotificationManager().load_modules()  # type: ignore[no-untyped-call]
    guard = _guard(rules) if rules["is_guarded"] else None
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        answers.write(json.dumps(_answer(json.loads(requests.get()), rules, guard)) + "\n")
        answers.flush()


def _read(requests: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _guard(rules: Mapping[str, Any]) -> Guard:
    policy = AddressPolicy(
        allow=tuple(ip_network(each) for each in rules["allow"]), deny=tuple(ip_network(each) for each in rules["deny"])
    )
    guard = Guard(policy)
    guard.install()
    return guard


def _answer(request: Mapping[str, Any], rules: Mapping[str, Any], guard: Guard | None) -> dict[str, Any]:
    url = request["url"]
    try:
        plugin = plugin_of(url, is_customers=rules["is_guarded"], require_https=rules["require_https"])
        if "message" not in request:
            check_recipients(url, plugin)
    except RefusedUrl as error:
        return {"refused": without_secrets(str(error), [])}
    except Exception as error:  # noqa: BLE001 - a plugin of many, which must not take the others with it
        return {"refused": f"This URL cannot be read ({type(error).__name__})."}
    if "message" not in request:
        return {"service": service_of(plugin), "target": target_of(plugin)}
    return _sent(plugin, request, guard)


def _sent(plugin: Any, request: Mapping[str, Any], guard: Guard | None) -> dict[str, Any]:  # noqa: ANN401 - Apprise's
    if guard is not None:  # whoever got a message before this one may have had a blocked address, too
        guard.has_blocked_address = False
    try:
        trouble, refused = send_by(plugin, request["message"])
    except Exception as error:  # noqa: BLE001 - as above
        trouble, refused = f"{title_of(plugin)} could not be told: {type(error).__name__}: {error}", []
    if trouble is None:
        return {"refused_recipients": refused}
    if guard is not None and guard.has_blocked_address:
        return {"trouble": BLOCKED}
    return {"trouble": without_secrets(trouble, secrets_in(request["url"]))}


if __name__ == "__main__":
    main()
