"""`flux listen` as people run it, on a real installation: what arrives, what is answered, and that nothing stays."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis
from flux_webhooks import verify

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.cli.listen.stopping import DEBOUNCE_SECONDS
from tests.conftest import new_database
from tests.support.installation import Installation
from tests.support.listening import flux_listen, flux_listen_on_terminal, listen_command, local_server
from tests.support.waiting import eventually, wait_seconds

EVERY_BYTE = bytes(range(256))
MEBIBYTE = EVERY_BYTE * 4096


@pytest.fixture(scope="module")
def running(
    postgres: str, template: str, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An API and a worker, for all tests of this file."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    folder = tmp_path_factory.mktemp("installation")
    settings = {"FLUX_RETRY_DELAYS": "0,1,1,1,1"}
    with new_database(postgres, template) as url, Installation(url, redis_server, folder, settings) as installation:
        installation.start_api()
        installation.start_worker()
        yield installation


@pytest.fixture
def given(running: Installation) -> dict[str, str]:
    """The environment of a user of this installation."""
    return {"FLUX_API_URL": running.api_url, "FLUX_API_KEY": running.key}


def test_an_event_arrives_signed_and_is_answered(running: Installation, given: dict[str, str], tmp_path: Path) -> None:
    with local_server() as local, flux_listen(tmp_path, "--forward-to", f"{local.port}/webhooks/flux", **given) as it:
        url = it.url
        assert it.lines[0] == f"Ready. Forwarding all events to http://localhost:{local.port}/webhooks/flux"
        event = running.publish(order=7)
        it.until(rf"^\S+ \S+  --> order\.completed  {event}$")
        it.until(rf"^\S+ \S+  <-- 200  POST http://localhost:{local.port}/webhooks/flux  \(\d+ ms\)  {event}$")
        (request,) = local.requests
        assert request.target == "/webhooks/flux"
        assert request.headers["Host"] == f"localhost:{local.port}"
        assert verify(request.body, request.headers["flux-signature"], it.secret)["id"] == event
        assert json.loads((tmp_path / "listen-secrets.json").read_text()) == {running.api_url: it.secret}
        eventually(lambda: running.event(event)["status"] == "delivered", "it is delivered")
        assert it.interrupt() == 0
        assert it.lines[-1] == f"Ended. {url} answers 410 from now on."
    assert it.errors == []
    assert httpx.post(url, trust_env=False).status_code == 410
    assert running.call("GET", "/v1/webhooks")["data"] == []
    assert running.call("GET", "/v1/listen")["data"] == []


def test_only_the_events_that_are_wanted_arrive(running: Installation, given: dict[str, str], tmp_path: Path) -> None:
    with local_server() as local:
        arguments = ("--forward-to", str(local.port), "--events", "order.*,user.signup")
        with flux_listen(tmp_path, *arguments, **given) as it:
            it.until("Signing secret")
            assert it.lines[0] == f"Ready. Forwarding order.*, user.signup to http://localhost:{local.port}/"
            running.publish("invoice.paid")
            event = running.publish("user.signup")
            it.until(f"<-- 200 .* {event}")
            assert len(local.requests) == 1


def test_what_anyone_sends_comes_through_and_back_byte_for_byte(given: dict[str, str], tmp_path: Path) -> None:
    with local_server() as local, flux_listen(tmp_path, "--forward-to", f"{local.port}/hooks", **given) as it:
        local.status = 418
        for body in (EVERY_BYTE, MEBIBYTE):
            answer = httpx.put(f"{it.url}/a%2Fb?q=%zz&x=1", content=body, headers={"X-Mine": "1"}, trust_env=False)
            assert (answer.status_code, answer.content == body) == (418, True)
            assert local.requests[-1].body == body
        assert local.requests[0].method == "PUT"
        assert local.requests[0].target == "/hooks/a%2Fb?q=%zz&x=1"
        assert local.requests[0].headers["X-Mine"] == "1"
        assert local.requests[0].headers["X-Forwarded-Host"] == httpx.URL(it.url).netloc.decode()
        it.until(r"--> PUT /a%2Fb\?q=%zz&x=1$")
        it.until(r"<-- 418  PUT http://localhost:\d+/hooks/a%2Fb\?q=%zz&x=1  \(\d+ ms\)$")
        too_much = httpx.post(it.url, content=bytes(5_000_000), trust_env=False)
        assert too_much.status_code == 413
        assert len(local.requests) == 2


def test_a_local_server_that_is_down_is_told_and_events_wait_for_it(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with flux_listen(tmp_path, "--forward-to", str(port), **given) as it:
        it.until(f"Nothing listens at http://localhost:{port}/ yet: start your server.")
        assert httpx.get(it.url, trust_env=False).status_code == 502
        event = running.publish()
        it.until(f"<-- failed  POST http://localhost:{port}/  Nothing listens at .* Start your server.  {event}$")
        with local_server(port) as local:
            it.until("--> order.completed  attempt [2-5]")
            it.until(f"<-- 200 .*{event}")
            assert len(local.requests) == 1


def test_a_local_server_that_hangs_holds_up_no_other(given: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        with flux_listen(tmp_path, "--forward-to", str(port), "--timeout", "0.5", **given) as it:
            assert httpx.get(it.url, trust_env=False, timeout=20).status_code == 504
            it.until("<-- failed .* did not answer within 0.5 s")


def test_programs_read_json(running: Installation, given: dict[str, str], tmp_path: Path) -> None:
    with local_server() as local:
        with flux_listen(tmp_path, "--forward-to", str(local.port), "--format", "json", **given) as it:
            ready = json.loads(it.until('"type": "ready"').string)
            assert httpx.get(ready["url"] + "/x", trust_env=False).status_code == 200
            event = running.publish(order=7)
            it.until('"answer"', times=2)
            assert it.interrupt() == 0
        said = [json.loads(line) for line in it.lines]
    assert [each["type"] for each in said] == ["ready", "request", "answer", "request", "answer", "ended"]
    assert ready["secret"].startswith("whsec_")
    assert [(each["method"], each["path"], each["event_type"]) for each in said if each["type"] == "request"] == [
        ("GET", "/x", None),
        ("POST", "", "order.completed"),
    ]
    assert json.loads(said[3]["body"])["data"] == {"order": 7}
    assert (said[4]["event"], said[4]["status"], said[4]["id"]) == (event, 200, said[3]["id"])
    assert said[-1]["reason"] == "stopped"


def test_without_a_local_server_requests_are_only_shown(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    with flux_listen(tmp_path, **given) as it:
        assert it.until("^Ready")[0]
        event = running.publish()
        it.until(f"--> order.completed  {event}")
        eventually(lambda: running.event(event)["status"] == "delivered", "it is delivered")
        assert it.lines[0] == "Ready. Showing all events; --forward-to sends them to a server of yours"
        assert not [line for line in it.lines if "<--" in line]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_nothing_behind_however_it_is_told_to_end(
    running: Installation, given: dict[str, str], tmp_path: Path, how: signal.Signals
) -> None:
    with flux_listen(tmp_path, "--forward-to", "3000", **given) as it:
        url = it.url
        it.process.send_signal(how)
        assert it.ended() == 0
    assert httpx.get(url, trust_env=False).status_code == 410
    assert running.call("GET", "/v1/listen")["data"] == []


def test_it_ends_when_nobody_reads_what_it_prints(running: Installation, given: dict[str, str], tmp_path: Path) -> None:
    with listen_command(tmp_path, **given) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    assert lines[0].startswith("Ready.")
    assert httpx.post(lines[1].split()[2], trust_env=False).status_code == 410
    assert running.call("GET", "/v1/listen")["data"] == []


def test_output_that_nobody_takes_holds_up_nothing(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    with listen_command(tmp_path, "--format", "json", **given) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        # more than a pipe holds
        for _ in range(4):
            assert httpx.post(url, content=b"x" * 100_000, trust_env=False).status_code == 200
        process.terminate()
        assert process.wait(20) == 0
    assert running.call("GET", "/v1/listen")["data"] == []


def test_a_session_that_is_ended_elsewhere_ends_the_command(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    with flux_listen(tmp_path, **given) as it:
        assert it.url
        (session,) = running.call("GET", "/v1/listen")["data"]
        assert session["status"] == "connected"
        running.call("DELETE", f"/v1/listen/{session['id']}")
        assert it.ended() == 1
    assert it.errors == ["flux: The session was ended from elsewhere. Run flux listen again for a new URL."]


def test_another_machine_is_forwarded_to_where_it_is_allowed(given: dict[str, str], tmp_path: Path) -> None:
    with flux_listen(tmp_path, "--forward-to", "192.0.2.1:3000", "--allow-remote", "--timeout", "0.1", **given) as it:
        # nobody is there (RFC 5737); how that is noticed depends on the network
        assert httpx.get(it.url, trust_env=False, timeout=20).status_code in {502, 504}
        it.until("<-- failed  GET http://192.0.2.1:3000/  ")


def test_a_terminal_gets_colours_short_ids_and_the_first_lines_of_what_fails(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    with local_server() as local:
        local.status = 500
        arguments = ("--forward-to", f"{local.port}/webhooks/flux")
        with flux_listen_on_terminal(tmp_path, *arguments, **given, TERM="xterm", COLUMNS="100") as it:
            httpx.post(it.url, content=b"Traceback\n  \x1b[2J of yours", trust_env=False)
            event = running.publish()
            it.until(
                rf"\x1b\[31m<-- 500  POST http://localhost:\d+/webhooks/flux  \(\d+ ms\)\x1b\[0m.*evt_\w*…{event[-4:]}"
            )
            it.until(r"^ {25}\x1b\[2mTraceback\x1b\[0m$")
            it.until(r"^ {25}\x1b\[2m  \\x1b\[2J of yours\x1b\[0m$")
            assert it.interrupt() == 0
        with flux_listen_on_terminal(tmp_path, *arguments, **given, TERM="xterm", NO_COLOR="1") as it:
            assert it.url
            assert it.interrupt() == 0
        assert "\x1b" not in "".join(it.lines)


def test_a_second_interrupt_waits_for_nothing(running: Installation, given: dict[str, str], tmp_path: Path) -> None:
    (api,) = [each for each in running.processes if each.name == "api"]
    with flux_listen(tmp_path, **given) as it:
        assert it.url
        api.process.send_signal(signal.SIGSTOP)
        try:
            it.process.send_signal(signal.SIGINT)
            # sooner than this, a second one is taken for the first
            wait_seconds(2 * DEBOUNCE_SECONDS)
            assert it.process.poll() is None
            assert it.interrupt() == 130
        finally:
            api.process.send_signal(signal.SIGCONT)
    for each in running.call("GET", "/v1/listen")["data"]:
        running.call("DELETE", f"/v1/listen/{each['id']}")


def test_an_api_that_is_killed_and_comes_back_is_felt_by_nobody(
    running: Installation, given: dict[str, str], tmp_path: Path
) -> None:
    with local_server() as local, flux_listen(tmp_path, "--forward-to", str(local.port), **given) as it:
        url, secret = it.url, it.secret
        local.may_answer.clear()
        events = [running.publish(number=number) for number in range(10)]
        eventually(lambda: local.requests, "the first one is under way")
        (api,) = [each for each in running.processes if each.name == "api"]
        api.kill()
        it.until("No connection: ")
        local.may_answer.set()
        running.start("api", "api", FLUX_API_PORT=running.api_url.rpartition(":")[2])
        it.until("Connected again after")
        events.append(running.publish(number=10))
        eventually(lambda: all(running.event(each)["status"] == "delivered" for each in events), "all arrive")
        bodies = [verify(each.body, each.headers["flux-signature"], secret)["id"] for each in local.requests]
        assert sorted(bodies) == sorted(events)
        assert httpx.get(url, trust_env=False).status_code == 200
