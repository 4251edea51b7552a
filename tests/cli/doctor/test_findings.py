"""What `flux doctor` says of what no test can bring about: clocks that are off, disks that are full, old servers."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from config.settings import load_settings
from flux_dispatch.cli.doctor import broker, database, machine, web, workers
from flux_dispatch.cli.doctor.finding import Finding, Installation, State

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
INFO: dict[str, Any] = {"redis_version": "7.2.4", "role": "master", "used_memory": 2_000_000, "maxmemory": 0}


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (timedelta(milliseconds=40), State.OK, "40 ms"),
        (timedelta(seconds=90), State.WRONG, "2 min ahead of"),
        (timedelta(hours=-3), State.WRONG, "3 h behind"),
    ],
)
def test_a_clock_that_is_off(ahead: timedelta, state: State, words: str) -> None:
    found = database._clock(NOW, NOW + ahead)
    assert found.state is state
    assert words in found.said


def test_an_old_database() -> None:
    assert database._version("12.22", "PostgreSQL 12.22").state is State.WRONG
    assert database._version("14.1", "PostgreSQL 14.1").state is State.OK


@pytest.mark.parametrize(
    ("info", "name", "state"),
    [
        ({}, broker.REDIS, State.OK),
        ({"redis_version": "5.0.7"}, broker.REDIS, State.WARNING),
        ({"role": "slave"}, broker.REDIS, State.WRONG),
        ({"rdb_last_bgsave_status": "err"}, broker.PERSISTENCE, State.WRONG),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, broker.PERSISTENCE, State.WRONG),
        ({"maxmemory": 1_900_000}, broker.MEMORY, State.WRONG),
        ({"maxmemory": 2_100_000}, broker.MEMORY, State.WARNING),
        ({"maxmemory": 4_000_000}, broker.MEMORY, State.OK),
    ],
)
def test_what_redis_says_of_itself(info: dict[str, Any], name: str, state: State) -> None:
    def all_of(told: dict[str, Any]) -> Iterator[Finding]:
        yield from (broker._version(told), broker._persistence(told), broker._memory(told))

    assert next(each for each in all_of(INFO | info) if each.name == name).state is state


def test_flower_is_looked_for_behind_its_prefix() -> None:
    class Flower(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ops/flower/healthcheck" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Flower) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        for prefix, state in (("ops/flower", State.OK), ("flower", State.WARNING), ("", State.WARNING)):
            given = {"FLUX_FLOWER_PORT": str(server.server_port), "FLUX_FLOWER_URL_PREFIX": prefix}
            found = list(web.check_web(Installation(load_settings(given))))[-1]
            assert (found.name, found.state) == (web.FLOWER, state), found
            assert f"http://127.0.0.1:{server.server_port}{prefix and '/'}{prefix}" in found.said
        server.shutdown()
        thread.join()


def test_another_server_at_the_port_of_the_api() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        Thread(target=other.handle_request).start()
        found = web._api(f"http://127.0.0.1:{other.server_port}")
    assert found.state is State.WRONG
    assert "(501) is no Flux Dispatch" in found.said
    assert "FLUX_API_PORT" in found.mend


def test_workers_of_several_releases() -> None:
    found = workers._said({"flux-1@a": "0.0.9", "flux-2@a": workers.__version__})
    assert (found.state, "0.0.9" in found.said) == (State.WARNING, True)


@pytest.mark.parametrize(("free", "state"), [(50, State.OK), (5, State.WARNING), (1, State.WRONG)])
def test_a_disk_that_fills(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, state: State) -> None:
    usage = SimpleNamespace(total=100 * 10**9, used=(100 - free) * 10**9, free=free * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert machine._disk(tmp_path / "not" / "yet").state is state


def test_few_open_files() -> None:
    assert machine._open_files(1024).state is State.WARNING
    assert machine._open_files(-1).state is State.OK
