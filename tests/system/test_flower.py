"""Flower watches and changes nothing, lets in who may look, remembers, and counts what we count."""

import json
import re
import stat
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from celery import Celery
from flower.urls import handlers

from flux_dispatch.cli.embedded import free_port, redis_command
from tests.support.dumps import shown_by_flower
from tests.support.flower import TLS, USER, Flower, ask, start_flower
from tests.support.installation import Installation
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually

CARD = "4242-4242"
READS_BY_POST = {r"/tasks/datatable", ".*"}
"""Flower's table asks for its rows so; and what is not there is not there for a POST either."""


def refuses_some(request: Request) -> int:
    return 500 if request.path == "/bad" and request.attempt == 1 else 200


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(refuses_some) as receiver:
        yield receiver


def paths_that_take_a_post() -> list[str]:
    """Return every path of Flower whose handler has a `post` of its own."""
    found = []
    for each in handlers:
        pattern, handler = (each[0], each[1]) if isinstance(each, tuple) else (each.regex.pattern, each.handler_class)
        pattern = pattern.removesuffix("$")
        if any("post" in vars(kind) for kind in handler.__mro__[:-1] if kind.__module__.startswith("flower")):
            found.append(pattern)
    return [each for each in found if each not in READS_BY_POST]


def test_it_changes_nothing_whatever_it_is_asked(installation: Installation) -> None:
    installation.start_worker()
    flower = start_flower(installation)
    (name,) = eventually(flower.workers, "Flower knows the worker")
    stats = flower.workers()[name]["stats"]
    assert flower.get(f"/worker/{name}").is_success
    paths = paths_that_take_a_post()
    assert len(paths) >= 13
    subjects = {"worker": name, "task": "flux.publish"}
    asked = {"n": 3, "min": 1, "max": 9, "queue": "deliver", "workername": name, "hard": 1, "ratelimit": "1/s"}
    for pattern in paths:
        kind = pattern.split("/")[2]
        path = re.sub(r"\(\.[+*]\)", subjects[kind], pattern)
        answer = ask("POST", flower.url + path, auth=USER, params=asked, json={"args": []})
        assert (path, answer.status_code, answer.text) == (path, 403, "Read only mode is enabled")
        assert ask("POST", flower.url + path, params=asked).status_code == 401
        for method in ("PUT", "PATCH", "DELETE"):
            assert ask(method, flower.url + path, auth=USER).status_code == 405
    page = flower.get(f"/worker/{name}").text
    assert not [word for word in ("Shut down", "Pool restart", "Grow", "Shrink", "Autoscale") if f">{word}<" in page]
    after = flower.workers()[name]
    assert after["stats"]["pool"] == stats["pool"]
    assert {each["name"] for each in after["active_queues"]} >= {"deliver", "retry"}
    assert installation.processes[0].process.poll() is None


def test_who_may_look_is_asked_for_a_password(installation: Installation) -> None:
    flower = start_flower(
        installation, FLUX_FLOWER_BASIC_AUTH="ann:correct horse,bob:b0b", FLUX_FLOWER_URL_PREFIX="ops/flower"
    )
    for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks"):
        for wrong in (None, ("ann", "b0b"), ("ann", ""), ("", ""), ("ann", "correct horse,bob:b0b")):
            assert ask("GET", flower.url + path, auth=wrong).status_code == 401, (path, wrong)
        for right in (("ann", "correct horse"), ("bob", "b0b")):
            assert ask("GET", flower.url + path, auth=right).is_success
    for garbage in ("Basic", "Basic ????", "Basic YQ==", "Bearer x", "Basic w7Y6w7Y="):
        answer = ask("GET", f"{flower.url}/tasks", headers={"authorization": garbage})
        assert (garbage, answer.status_code, answer.text) == (garbage, 401, "Access denied")
    # behind a prefix all of it stands there, what its pages load too
    page = ask("GET", f"{flower.url}/workers", auth=("bob", "b0b")).text
    assets = set(re.findall(r'(?:src|href)="(/[^"?]*)', page))
    assert assets
    assert all(each.startswith("/ops/flower") for each in assets)
    host = flower.url.removesuffix("/ops/flower")
    for each in assets:
        assert ask("GET", host + each, auth=("bob", "b0b"), follow_redirects=True).is_success, each
    assert ask("GET", f"{host}/workers", auth=("bob", "b0b")).status_code == 404
    # the prefix itself is where `flux up` says that Flower is, and where OAuth leads who has signed in
    assert ask("GET", flower.url).status_code == 401
    assert "/ops/flower/workers" in ask("GET", flower.url, auth=("bob", "b0b")).raise_for_status().text


def test_its_counts_are_ours_and_it_remembers_them(installation: Installation, receiver: Receiver) -> None:
    installation.settings |= {"FLUX_RETRY_DELAYS": "0,1"}
    installation.start_api()
    flower = start_flower(installation)
    installation.start_worker()
    eventually(flower.workers, "Flower knows the worker")
    for path in ("/good", "/bad"):
        installation.webhook(receiver.url + path)
    (row,) = installation.rows("SELECT id FROM accounts")
    account = f"acct_{row['id'].hex}"
    with Celery("shop", broker=installation.redis_url) as producer:
        for number in range(30):
            event = {"account": account, "type": "order.completed", "data": {"n": number, "card": CARD}}
            producer.send_task("flux.publish", kwargs=event)
        for event_type in ("", "no..type", "*"):
            producer.send_task("flux.publish", kwargs={"data": {"card": CARD}, "account": account, "type": event_type})
    events = {installation.publish(n=number) for number in range(20)}
    eventually(lambda: len(receiver.requests) == 150, "every attempt is made")
    eventually(installation.is_drained, "all is settled")
    check_counts(installation, flower, len(events))

    before = flower.count()
    assert flower.process.stop() == 0
    again = start_flower(installation)
    assert again.count() == before
    histories = list(installation.directory.glob("flower.db*"))
    assert all(stat.S_IMODE(each.stat().st_mode) & 0o077 == 0 for each in histories)
    # whose events they are, and not what happened
    shown = shown_by_flower(again.url, USER) + repr(again.tasks())
    assert f"1 event of {account}" in shown
    assert CARD not in shown
    assert not any(CARD.encode() in each.read_bytes() for each in histories)


def check_counts(installation: Installation, flower: Flower, over_http: int) -> None:
    """Flower's tasks come to what the database has."""
    ((stored,),) = installation.rows("SELECT count(*) FROM events")
    ((deliveries,),) = installation.rows("SELECT count(*) FROM deliveries WHERE state = 'delivered'")
    ((attempts,),) = installation.rows("SELECT count(*) FROM attempts")
    assert (stored, deliveries, attempts) == (50, 100, 150)

    def told() -> Counter[str]:
        results = [str(task["result"]) for task in flower.tasks().values() if task["name"] == "flux.deliver"]
        counted: Counter[str] = Counter()
        for word, count in re.findall(r"([a-z][a-z ]*) (\d+)", ", ".join(results)):
            counted[word] += int(count)
        return counted

    def are_told() -> bool:
        # a message that came twice did nothing
        return told().total() - told()["skipped"] == attempts

    eventually(are_told, f"Flower has every attempt: {told()}")
    # a task does not wait for a slow answer
    assert set(told()) <= {"delivered", "retrying", "still sending", "still waiting", "skipped"}
    assert told()["delivered"] <= deliveries
    assert told()["retrying"] <= attempts - deliveries
    counts = flower.count()
    assert counts["flux.publish", "SUCCESS"] == stored - over_http
    assert counts["flux.publish", "FAILURE"] == 3
    assert not [key for key in counts if key[0] == "flux.deliver" and key[1] != "SUCCESS"]
    failed = [task for task in flower.tasks().values() if task["state"] == "FAILURE"]
    assert all("InvalidRequest" in task["exception"] for task in failed)


def test_a_broker_that_comes_later_or_again_is_found(database_url: str, tmp_path: Path) -> None:
    server = redis_command(tmp_path / "redis", free_port())
    with Installation(database_url, server.url, tmp_path) as installation:
        flower = start_flower(installation)
        eventually(lambda: flower.process.logged("flower.broker_unavailable"), "it says that there is none")
        for _ in range(2):
            redis = subprocess.Popen(server.arguments, stdout=subprocess.DEVNULL)
            worker = installation.start_worker()
            seen = len(flower.tasks())
            (row,) = installation.rows("SELECT id FROM accounts")
            event = {"account": f"acct_{row['id'].hex}", "type": "order.completed", "data": {}}
            with Celery("shop", broker=server.url, set_as_current=False) as producer:

                def is_seen(producer: Celery = producer, event: dict[str, Any] = event, seen: int = seen) -> bool:
                    producer.send_task("flux.publish", kwargs=event)
                    return len(flower.tasks()) > seen

                eventually(is_seen, "Flower sees what is done", 30)
            worker.stop()
            redis.terminate()
            redis.wait(10)
        lines = flower.process.log.read_text()
        assert lines.count("flower.broker_available") >= 2
        assert "Traceback" not in lines


class FakeOkta(BaseHTTPRequestHandler):
    """A provider that signs in whoever its class says, by the code `good`."""

    email = "ann@example.com"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        is_known = "client_secret=s3cret" in body and "code=good" in body and "redirect_uri=" in body
        self._answer(200 if is_known else 400, {"access_token": "token"})

    def do_GET(self) -> None:
        assert self.headers["authorization"] == "Bearer token"
        self._answer(200, {"email": self.email, "email_verified": True})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def okta() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeOkta) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/oauth2/default"
        server.shutdown()
        thread.join()


@contextmanager
def signed_in(url: str, code: str = "good") -> Iterator[httpx.Client]:
    """A browser that came back from the provider with this code."""
    with httpx.Client(base_url=url, timeout=20, verify=TLS) as browser:
        sent = browser.get("/login")
        state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
        back = browser.get("/login", params={"code": code, "state": state})
        assert "Traceback" not in back.text
        yield browser


def test_who_may_look_signs_in_by_oauth(installation: Installation, okta: str, monkeypatch: pytest.MonkeyPatch) -> None:
    oauth = {
        "FLUX_FLOWER_BASIC_AUTH": "",
        "FLUX_FLOWER_OAUTH_PROVIDER": "okta",
        "FLUX_FLOWER_OAUTH_KEY": "client",
        "FLUX_FLOWER_OAUTH_SECRET": "s3cret",
        "FLUX_FLOWER_OAUTH_EMAILS": "*@example.com",
        "FLUX_FLOWER_OAUTH_URL": okta,
        "FLUX_FLOWER_URL": "https://flower.example.com/",
    }
    flower = start_flower(installation, **oauth)
    anybody = ask("GET", f"{flower.url}/tasks")
    assert (anybody.status_code, anybody.headers["location"][:6]) == (302, "/login")
    sent = urlsplit(ask("GET", f"{flower.url}/login").headers["location"])
    assert sent._replace(query="").geturl() == f"{okta}/v1/authorize"
    asked = parse_qs(sent.query)
    assert (asked["client_id"], asked["redirect_uri"]) == (["client"], ["https://flower.example.com/login"])

    with signed_in(flower.url) as ann:
        assert ann.get("/tasks").is_success
        assert ann.get("/api/tasks").is_success
        cookies = ann.cookies
    with signed_in(flower.url, "bad") as unknown:
        assert unknown.get("/tasks").status_code == 302
    monkeypatch.setattr(FakeOkta, "email", "eve@example.com.evil.test")
    with signed_in(flower.url) as eve:
        assert eve.get("/tasks").status_code == 302

    assert flower.process.stop() == 0
    again = start_flower(installation, **oauth)
    with httpx.Client(cookies=cookies, verify=TLS) as browser:
        assert browser.get(f"{again.url}/tasks").is_success
    assert not any(each.logged("s3cret") for each in installation.processes)


@pytest.mark.parametrize(("place", "why"), [("nowhere/flower", ""), ("", "it is a directory")])
def test_a_history_that_cannot_be_kept_where_it_is_wanted_is_one_line(
    place: str, why: str, installation: Installation
) -> None:
    (installation.directory / "nowhere").write_text("a file")
    asked = {"FLUX_FLOWER_DB": str(installation.directory / place), "FLUX_FLOWER_BASIC_AUTH": "a:b"}
    refused = installation.start("flower", "flower", FLUX_FLOWER_PORT="0", **asked)
    assert refused.process.wait(30) == 1
    (line,) = refused.log.read_text().splitlines()
    assert line.startswith("flux: ")
    assert why in line
    assert line.endswith("Choose another file with FLUX_FLOWER_DB.")


def test_two_keep_no_common_history(installation: Installation) -> None:
    start_flower(installation)
    # nobody asked for this file, so the second goes on without
    second = start_flower(installation)
    assert second.process.logged("flower.history_not_kept")
    asked = {"FLUX_FLOWER_DB": str(installation.directory / "flower.db"), "FLUX_FLOWER_BASIC_AUTH": "a:b"}
    third = installation.start("flower", "flower", FLUX_FLOWER_PORT="0", **asked)
    assert third.process.wait(30) == 1
    assert "another Flower keeps its own in it. Choose another file with FLUX_FLOWER_DB." in third.log.read_text()
