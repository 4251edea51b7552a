"""Nothing that is secret stands in the database, in Redis, in Flower, in a log or in a file, whatever a run does."""

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from tests.support.dumps import dumped, files_below, monitored, shown_by_flower
from tests.support.newcomer import FLUX, OURS, Up, running
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually

SETTINGS = {"FLUX_RETRY_DELAYS": "0,1", "FLUX_LOG_LEVEL": "debug", "FLUX_LOG_FORMAT": "json"}
HEADERS = {"X-Token": "sesame-open-4711", "Authorization": "Bearer sesame/shut-0815"}
MORE_HEADERS = HEADERS | {"X-More": "sesame-more"}
REFUSED_URLS = [
    "ftp://no",
    "https://user-in-a-url:pass-in-a-url@example.com/",
    "https://example.com@127.0.0.1/?token-in-a-url",
    "user-in-a-url:pass-in-a-url@example.com",
    "https://example.com:pass-in-a-url/",
]
CATALOGUE = {"name": "invoice.paid", "example": {"invoice": "inv_of_the_example"}, "schema": {"type": "object"}}
FOR_THEIR_OWNER = {"api-key", "encryption-key", "redis.conf"}
"""Files that are there to keep a secret."""


@dataclass
class Run:
    """One run of everything, and the secrets that came up in it."""

    up: Up
    receiver: Receiver
    secrets: set[str] = field(default_factory=set)
    key: str = ""

    def call(self, method: str, path: str, given: Any = None, **headers: str) -> Any:
        response = self.ask(method, path, given, **headers)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def ask(self, method: str, path: str, given: Any = None, **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.key}"} | headers
        return httpx.request(method, self.up.file["api_url"] + path, json=given, headers=sent, timeout=30)

    def keep(self, *secrets: str) -> None:
        """Remember what must stand nowhere."""
        self.secrets |= set(secrets)

    def is_drained(self) -> bool:
        states = ("pending", "sending", "scheduled", "exhausted")
        return not any(self.call("GET", f"/v1/deliveries?status={each}")["data"] for each in states)


def answer_by_path(request: Request) -> int:
    return {"/good": 200, "/bad": 500}[request.path]


def say_back(request: Request) -> tuple[Mapping[str, str], str]:
    """Answer with what came, as a page for debugging does."""
    told = dict(request.headers)
    return {f"X-Echo-{name}": value for name, value in told.items()}, json.dumps(told)


def spellings(secret: str) -> set[str]:
    """Return a secret as text and as it would look in a dump or a log that holds its bytes."""
    raw = raw_forms(secret)
    return {secret, *(each.hex() for each in raw), *(b64encode(each).decode() for each in raw), *map(str, raw)}


def raw_forms(secret: str) -> list[bytes]:
    """Return the bytes of a secret, and those that a signing secret or an encryption key stands for."""
    is_base64 = secret.startswith("whsec_") or secret.endswith("=")
    return [secret.encode(), *([b64decode(secret.removeprefix("whsec_"))] if is_base64 else [])]


def become_a_customer(run: Run) -> str:
    """Make an account with all that opens it, as a platform does, and go on as its owner; return its id."""
    environment = OURS.variables({"FLUX_DATABASE_URL": run.up.file["database_url"]})
    command = [*FLUX, "keys", "create", "--platform"]
    run.key = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    account = run.call("POST", "/v1/accounts", {"name": "Acme", "external_id": "cus_42"})
    limits = {"scopes": ["admin"], "events_per_second": 1000, "requests_per_second": 1000}
    key = run.call("POST", "/v1/api-keys", limits, **{"flux-account": "ext:cus_42"})["key"]
    link = run.call("POST", "/v1/portal-links", {"account": "ext:cus_42"})["url"]
    run.keep(run.key, key, link.rpartition("/")[2], "sk_live_of_nobody")
    assert run.ask("GET", "/v1/events", authorization="Bearer sk_live_of_nobody").status_code == 401
    run.key = key
    return str(account["id"])


def have_webhooks(run: Run) -> dict[str, str]:
    """Create, rotate, show and change webhooks, one that delivers and one that does not; return their ids."""
    run.keep(*MORE_HEADERS.values(), "sesame/shut-0815")
    made = {}
    for path in ("/good", "/bad"):
        webhook = run.call(
            "POST", "/v1/webhooks", {"url": f"{run.receiver.url}{path}", "events": ["*"], "headers": HEADERS}
        )
        made[path] = webhook["id"]
        place = f"/v1/webhooks/{webhook['id']}"
        rotated = run.call("POST", f"{place}/secret/rotate", {})
        assert run.call("GET", f"{place}/secret") == rotated
        assert run.call("PATCH", place, {"headers": MORE_HEADERS})["headers"] == MORE_HEADERS
        run.keep(webhook["secret"], rotated["secret"])
    for url in REFUSED_URLS:
        refused = run.ask("POST", "/v1/webhooks", {"url": url, "events": ["*"], "headers": HEADERS})
        changed = run.ask("PATCH", f"/v1/webhooks/{made['/good']}", {"url": url})
        assert (refused.status_code, changed.status_code) == (422, 422)
        assert "in-a-url" not in refused.text + changed.text
    run.keep("pass-in-a-url", "user-in-a-url", "token-in-a-url")
    return made


def have_events(run: Run, account: str) -> list[str]:
    """Publish in every way there is, and return the events of HTTP."""
    run.call("POST", "/v1/event-types", CATALOGUE)
    single = run.call("POST", "/v1/events", {"type": "invoice.paid", "data": {"invoice": "visible-in-the-body"}})
    batch = run.call("POST", "/v1/events/batch", {"events": [{"type": "user.signup", "data": {}}]})["data"]
    with Celery("shop", broker=run.up.file["redis_url"]) as producer:
        producer.send_task("flux.publish", kwargs={"account": account, "type": "order.completed", "data": {}})
        producer.send_task("flux.publish", kwargs={"account": account, "type": "not a type", "data": {}})
    return [single["id"], *(each["id"] for each in batch)]


def mend_what_failed(run: Run, webhooks: Mapping[str, str], event: str) -> None:
    """Do all that can be done about an event that one webhook did not get."""
    for webhook in webhooks.values():
        run.call("POST", f"/v1/webhooks/{webhook}/test", {"wait": True})
    eventually(lambda: run.call("GET", f"/v1/events/{event}")["status"] == "failed", "one is given up", 30)
    span = {"since": run.call("GET", f"/v1/events/{event}")["created"]}
    place = f"/v1/webhooks/{webhooks['/bad']}"
    assert run.call("POST", f"{place}/recover", span | {"dry_run": True})["missed"]["total"]
    recovery = run.call("POST", f"{place}/recover", span)["id"]
    eventually(lambda: run.call("GET", f"/v1/recoveries/{recovery}")["status"] == "completed", "it is recovered", 60)
    run.call("POST", f"/v1/events/{event}/resend")
    eventually(run.is_drained, "all is given up or delivered", 60)
    (failed, *_) = run.call("GET", f"/v1/deliveries?event={event}&webhook={webhooks['/bad']}")["data"]
    run.call("POST", f"/v1/deliveries/{failed['id']}/retry")
    eventually(run.is_drained, "it is given up again", 60)
    check_what_was_said_back(run.call("GET", f"/v1/deliveries/{failed['id']}")["attempts"][0])


def check_what_was_said_back(attempt: Any) -> None:
    """See that the receiver's echo was kept, and not what is secret in it."""
    kept = attempt["response"]
    assert kept["headers"]["x-echo-x-token"] == "[left out: X-Token]"
    assert kept["headers"]["x-echo-flux-attempt"] == "1"
    assert '"Authorization": "[left out: Authorization]"' in kept["excerpt"]


def logged(up: Up, key: str) -> str:
    """Return all lines of `flux up` but those in which it shows a key to whoever started it."""
    shown = (f"  API key  {key}", f"    -H 'Authorization: Bearer {key}' \\")
    return "\n".join(line for line in up.text.splitlines() if line not in shown)


@pytest.mark.timeout(240)
def test_nothing_secret_stands_anywhere(tmp_path: Path) -> None:
    with (
        Receiver(answer_by_path, reply=say_back) as receiver,
        running(tmp_path / "home", "--workers", "1", **SETTINGS) as up,
    ):
        run = Run(up.ready(), receiver)
        shown_key = up.file["api_key"]
        run.keep(
            shown_key, str(httpx.URL(up.file["redis_url"]).password), (up.home / "encryption-key").read_text().strip()
        )
        with monitored(up.file["redis_url"]) as said:
            account = become_a_customer(run)
            webhooks = have_webhooks(run)
            event, *_ = have_events(run, account)
            mend_what_failed(run, webhooks, event)
        assert {name: receiver.at("/good")[-1].headers[name] for name in MORE_HEADERS} == MORE_HEADERS
        assert receiver.at("/bad")[-1].headers["flux-signature"].count("v1=") == 2
        places = {
            "the database": (dumped(up.file["database_url"]), b"visible-in-the-body".hex()),
            "Flower": (shown_by_flower(up.file["flower_url"]), "flux.fail"),
            "Redis": ("\n".join(said), '"dlv_'),
        }
        assert up.stop() == 0
    places["a log"] = (logged(up, shown_key), "delivery.attempted")
    for place, (text, visible) in places.items():
        assert visible in text, f"{place} was looked at"
        found = [secret for secret in run.secrets if any(each in text for each in spellings(secret))]
        assert found == [], f"this stands in {place}"
    check_files(up.home, run.secrets)


def check_files(home: Path, secrets: set[str]) -> None:
    """See that no file holds any of it, not even where a row was deleted or a page is not written over yet."""
    everything = list(files_below(home))
    assert {path.name for path, _ in everything if not path.stat().st_mode & 0o077} >= FOR_THEIR_OWNER
    files = [(path, held) for path, held in everything if path.name not in FOR_THEIR_OWNER]
    assert any(b"visible-in-the-body" in held for _, held in files)
    raw = {form: secret for secret in secrets for form in raw_forms(secret)}
    assert [(path.name, raw[form]) for path, held in files for form in raw if form in held] == []
