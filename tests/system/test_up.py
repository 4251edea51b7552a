"""`flux up` as a newcomer runs it: a process in a directory of its own, looked at from outside."""

import asyncio
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from config.settings import load_settings
from tests.support.newcomer import Up, flux_up, running
from tests.support.waiting import eventually

OF_THE_RELEASE_BEFORE = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets, deleted_at)
    SELECT id, 'https://example.com/', '{*}', '', '{}', 'enabled', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', now()
    FROM accounts
"""

PLAIN = "SELECT count(*) FROM webhooks WHERE secrets <> '{}'"

CTRL_C_DEBOUNCE_SECONDS = 15
"""Generous: it is under five on a quiet machine, and this machine may run other tests."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for the tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("up") / "home", "--workers", "2") as up:
        yield up.ready()


def test_up_json_says_where_everything_is_to_its_owner_alone(up: Up) -> None:
    assert (up.home / "up.json").stat().st_mode & 0o777 == 0o600
    assert set(up.file) == {
        *("api_url", "api_key", "dashboard_url", "flower_url", "metrics_urls", "database_url", "redis_url", "pids"),
    }
    assert set(up.file["pids"]) == {"api", "flower", "postgres", "redis", "worker1", "worker2"}
    assert set(up.file["pids"].values()) <= up.processes()
    assert up.file["redis_url"].startswith("redis://:")
    assert up.answers()


def test_the_first_event_is_shown_as_it_arrived(up: Up) -> None:
    assert '"type":"order.completed"' in up.text
    assert "flux-signature: t=" in up.text
    assert "✓ signature verified" in up.text
    with up.client as client:
        assert client.get("/v1/webhooks").json()["data"] == []


def test_flower_shows_the_task_that_delivered_it(up: Up) -> None:
    published = {"type": "order.completed", "data": {}}
    headers = {"Authorization": f"Bearer {up.file['api_key']}"}

    def succeeded() -> bool:
        # another each time: Flower shows what happens after it has come up
        httpx.post(f"{up.file['api_url']}/v1/events", json=published, headers=headers).raise_for_status()
        tasks = httpx.get(f"{up.file['flower_url']}/api/tasks").raise_for_status().json().values()
        return any(each["name"] == "flux.deliver" and each["state"] == "SUCCESS" for each in tasks)

    eventually(succeeded, "Flower shows flux.deliver as SUCCESS")
    # nobody is asked for a password here, so no page of another site may read it either
    answer = httpx.get(f"{up.file['flower_url']}/api/tasks", headers={"origin": "https://example.com"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("process", ["api", "worker1", "postgres", "redis", "flower"])
def test_a_part_that_is_killed_is_said_and_started_again(up: Up, process: str) -> None:
    said = up.text.count("started again")

    assert up.kill(process) in up.processes()

    assert up.text.count("started again") > said
    eventually(up.answers, "the API answers")
    assert up.process.poll() is None


def test_a_second_one_in_the_same_home_is_refused(up: Up) -> None:
    refused = flux_up(up.home)

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"flux: Another `flux up` runs in {up.home}. Stop it, or set FLUX_HOME to another directory."
    ]
    assert up.answers()


def test_ctrl_c_ends_all_and_the_next_start_is_quick_and_has_the_same_key(tmp_path: Path) -> None:
    with running(tmp_path / "home", "--workers", "1") as first:
        key = first.ready().file["api_key"]
        asyncio.run(_value(first.file["database_url"], OF_THE_RELEASE_BEFORE))
        assert asyncio.run(_value(first.file["database_url"], PLAIN)) == 1
        assert first.stop() == 0
        assert first.processes() == set()
        assert not (first.home / "up.json").exists()
        assert first.text.endswith("Stopped.\n")

    began = time.monotonic()
    with running(tmp_path / "home", "--workers", "1") as second:
        assert second.ready().file["api_key"] == key
        seconds = time.monotonic() - began
        sys.stdout.write(f"second start: {seconds:.1f} s\n")
        assert seconds < CTRL_C_DEBOUNCE_SECONDS
        assert "signature verified" in second.text
        assert (
            asyncio.run(_value(second.file["database_url"], "SELECT count(*) FROM webhooks WHERE secrets <> '{}'")) == 0
        )

        second.process.kill()
        second.process.wait(10)
        eventually(lambda: not second.processes(), "its children end by themselves", 40)


def test_it_makes_an_encryption_key_for_its_owner_s_eyes_and_gives_it_to_its_parts(up: Up) -> None:
    kept = up.home / "encryption-key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    key = kept.read_text().strip()
    assert load_settings({"FLUX_ENCRYPTION_KEYS": key}).encryption_keys
    assert f"FLUX_ENCRYPTION_KEYS={key}".encode() in Path("/proc", str(up.pid("worker1")), "environ").read_bytes()
    assert key.encode() not in Path("/proc", str(up.pid("flower")), "environ").read_bytes()
    assert key not in up.text
    assert key not in (up.home / "up.json").read_text()


def test_ctrl_c_while_it_starts_ends_all(tmp_path: Path) -> None:
    with running(tmp_path / "home") as up:
        eventually((up.home / "postgres").exists, "PostgreSQL is being made")
        assert up.stop() == 0
        assert up.processes() == set()
        assert up.text.strip().splitlines()[-1] == "Stopped."
        assert "initdb" not in up.text


def test_a_second_ctrl_c_does_not_wait_for_a_receiver_that_hangs(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    servers = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url, "FLUX_DELIVERY_TIMEOUT": "60"}
    with (
        socket.create_server(("127.0.0.1", 0)) as hanging,
        running(tmp_path / "home", "--workers", "1", "--no-demo", **servers) as up,
        up.ready().client as client,
    ):
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
        assert client.post("/v1/webhooks", json={"url": url, "events": ["*"]}).is_success
        assert client.post("/v1/events", json={"type": "order.completed", "data": {}}).is_success
        hanging.settimeout(20)
        connection, _ = hanging.accept()
        with connection:
            worker = Path("/proc", str(up.pid("worker1")))
            up.interrupt()
            eventually(lambda: "Warm shutdown" in up.text, "the worker is asked to end")
            assert up.process.poll() is None
            eventually(lambda: _is_gone_after_another_ctrl_c(up, worker), "the worker is killed")
            assert up.process.wait(20) == 0
    assert up.processes() == set()
    assert "started again" not in up.text


def test_given_servers_are_used(database_url: str, redis_url: str, tmp_path: Path) -> None:
    servers = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url}
    with running(tmp_path / "home", "--workers", "1", **servers) as up:
        given = up.ready().file
        assert (given["database_url"], given["redis_url"]) == (database_url, redis_url)
        assert set(given["pids"]) == {"api", "flower", "worker1"}
        assert "signature verified" in up.text
        assert up.stop() == 0
    assert asyncio.run(_value(database_url, "SELECT count(*) FROM deliveries WHERE state = 'delivered'")) == 1
    assert asyncio.run(_value(database_url, "SELECT count(*) FROM deliveries WHERE state = 'sending'")) == 0
    assert not (tmp_path / "home" / "postgres").exists()


def test_an_empty_list_of_networks_allows_nothing(database_url: str, redis_url: str, tmp_path: Path) -> None:
    settings = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url, "FLUX_ALLOW_NETWORKS": ""}
    with running(tmp_path / "home", "--workers", "1", **settings) as up:
        up.ready()
        assert "No first event is delivered: FLUX_ALLOW_NETWORKS" in up.text
        assert "Webhooks may point at this machine" not in up.text
        with up.client as client:
            refused = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:3000/", "events": ["*"]})
        assert refused.status_code == 422
        assert refused.json()["error"]["param"] == "url"


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = flux_up(tmp_path / "home", "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"flux: 127.0.0.1:{port} cannot be used (Address already in use). Choose another with --port or FLUX_API_PORT."
    ]
    assert not (tmp_path / "home" / "postgres").exists()


@pytest.mark.parametrize(
    ("setting", "url", "words"),
    [
        ("FLUX_DATABASE_URL", "postgresql://flux:sesame@127.0.0.1:1/flux", "PostgreSQL cannot be reached"),
        ("FLUX_DATABASE_URL", "mysql://flux:sesame@127.0.0.1/flux", "postgresql://"),
        ("FLUX_DATABASE_URL", "postgresql://flux:sesame@127.0.0.1:port/flux", "postgresql://"),
        ("FLUX_DATABASE_URL", "postgresql://flux:sesame/2@127.0.0.1/flux", "%XX"),
        ("FLUX_REDIS_URL", "redis://:sesame@127.0.0.1:1/0", "Redis cannot be reached"),
        ("FLUX_REDIS_URL", "http://:sesame@127.0.0.1/0", "redis://"),
        ("FLUX_REDIS_URL", "redis://:sesame@127.0.0.1:port/0", "%XX"),
        ("FLUX_REDIS_URL", "redis://:sesame/2@127.0.0.1/0", "%XX"),
    ],
)
def test_a_server_that_cannot_be_had_is_one_line(tmp_path: Path, setting: str, url: str, words: str) -> None:
    refused = flux_up(tmp_path / "home", **{setting: url})

    assert refused.returncode == 1
    assert words in refused.stderr
    assert setting in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "sesame" not in refused.stdout + refused.stderr


def test_a_wrong_password_is_one_line(redis_url: str, tmp_path: Path) -> None:
    wrong = redis_url.replace("redis://:", "redis://:sesame")
    refused = flux_up(tmp_path / "home", FLUX_REDIS_URL=wrong)

    assert refused.returncode == 1
    assert "password" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "sesame" not in refused.stdout + refused.stderr


def _is_gone_after_another_ctrl_c(up: Up, process: Path) -> bool:
    if process.exists():
        up.interrupt()
    return not process.exists()


async def _value(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
