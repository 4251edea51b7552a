"""Nothing that is secret stands in the database, in Redis, in Flower or in a log, however a whole run goes."""

import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import redis

from tests.support.installation import ENCRYPTION_KEY, Installation
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually
from tests.system.test_whole_run import start_flower, tasks_in

HEADERS = {"X-Token": "sesame-open-4711", "Authorization": "Bearer sesame-shut-0815"}
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"


def answer_by_path(request: Request) -> int:
    return {"/good": 200, "/bad": 500}[request.path]


@contextmanager
def monitored(url: str) -> Iterator[list[str]]:
    """Yield what Redis is told, as it comes."""
    said: list[str] = []
    with redis.Redis.from_url(url) as client, client.monitor() as monitor:
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                said.append(str(monitor.next_command()["command"]))

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield said
        finally:
            is_over.set()
            with redis.Redis.from_url(url) as other:
                other.ping()
            listener.join(10)


def decoded(text: str) -> str:
    """Return what a piece of base64 holds, as the bodies of Celery's messages are written."""
    return b64decode(text[: len(text) // 4 * 4]).decode("latin-1")


def spellings(secret: str) -> set[str]:
    """Return a secret as text and as it would look in a dump or a log that holds its bytes."""
    raw = [secret.encode()]
    if secret.startswith("whsec_") or secret == ENCRYPTION_KEY:
        raw.append(b64decode(secret.removeprefix("whsec_")))
    return {secret, *(each.hex() for each in raw), *(b64encode(each).decode() for each in raw), *map(str, raw)}


def live(installation: Installation, receiver: Receiver) -> set[str]:
    """Create, rotate, show and change webhooks; return what of them must stand nowhere."""
    secrets = {*HEADERS.values(), "sesame-more"}
    for path in ("/good", "/bad"):
        given = {"url": f"{receiver.url}{path}", "events": ["*"], "headers": HEADERS}
        made = installation.call("POST", "/v1/webhooks", given)
        rotated = installation.call("POST", f"/v1/webhooks/{made['id']}/secret/rotate", {})
        assert installation.call("GET", f"/v1/webhooks/{made['id']}/secret") == rotated
        installation.call("PATCH", f"/v1/webhooks/{made['id']}", {"headers": HEADERS | {"X-More": "sesame-more"}})
        secrets |= {made["secret"], rotated["secret"]}
    return secrets


def dumped(installation: Installation) -> str:
    """Return every row of every table as text."""
    tables = [row["table_name"] for row in installation.rows(TABLES)]
    every_row = [f"SELECT t::text AS text FROM {table} AS t" for table in tables]  # noqa: S608
    return "\n".join(row["text"] for query in every_row for row in installation.rows(query))


def test_no_secret_key_or_header_value_stands_anywhere(installation: Installation) -> None:
    installation.settings |= {"FLUX_RETRY_DELAYS": "0,1", "FLUX_LOG_LEVEL": "debug"}
    with Receiver(answer_by_path) as receiver, monitored(installation.redis_url) as said:
        installation.start_api()
        flower = start_flower(installation)
        installation.start_worker()
        secrets = {installation.key, ENCRYPTION_KEY} | live(installation, receiver)
        event = installation.publish(order="visible-in-the-body")
        eventually(lambda: installation.event(event)["status"] == "failed", "one was delivered, one given up", 30)
        eventually(lambda: tasks_in(flower) >= {"flux.deliver", "flux.fail"}, "Flower shows the tasks")
        shown_by_flower = "".join(
            httpx.get(f"{flower}{path}").text for path in ("/api/tasks", "/api/workers?refresh=1")
        )
        arrived = receiver.at("/good")[0]
        assert {name: arrived.headers[name] for name in HEADERS} == HEADERS
        assert arrived.headers["flux-signature"].count("v1=") == 2
        dump = dumped(installation)
        for part in installation.processes:
            part.stop()
    logs = "".join(part.log.read_text() for part in installation.processes)
    assert b"visible-in-the-body".hex() in dump, "the dump shows what it holds"
    said += [decoded(each) for line in said for each in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", line)]
    assert any("dlv_" in each for each in said), "Redis was listened to, and its messages were read"
    assert "delivery.attempted" in logs
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in dump, f"{secret} lies in the database"
            assert spelling not in shown_by_flower, f"{secret} is shown by Flower"
            assert spelling not in logs, f"{secret} stands in a log"
            assert not any(spelling in each for each in said), f"{secret} went to Redis"
