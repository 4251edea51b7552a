"""Each form of FLUX_REDIS_URL works in every process; another application's variables steer none."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from celery import Celery

from config.celeryconfig import celery_settings
from flux_dispatch.cli.embedded import free_port, redis_command
from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

PASSWORD = "a/b%"


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Redis with a password behind a socket and behind a sentinel; the URLs of both."""
    port, watch_port = free_port(), free_port()
    executable = redis_command(tmp_path / "redis", port).arguments[0]
    socket = tmp_path / "redis.sock"
    server = [executable, "--port", str(port), "--unixsocket", str(socket), "--requirepass", PASSWORD, "--save", ""]
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f'port {watch_port}\nbind 127.0.0.1\ndir "{tmp_path}"\n'
        f'sentinel monitor flux 127.0.0.1 {port} 1\nsentinel auth-pass flux "{PASSWORD}"\n'
    )
    sentinel = [executable, str(configuration), "--sentinel"]
    processes = [subprocess.Popen(each, stdout=subprocess.DEVNULL) for each in (server, sentinel)]
    try:
        eventually(lambda: answers(port, PASSWORD) and answers(watch_port, None), "both answer")
        yield {
            "socket": f"unix://:a%2Fb%25@{socket}?db=1",
            "sentinel": f"sentinel://:a%2Fb%25@127.0.0.1:1,127.0.0.1:{watch_port}/1?master=flux",
        }
    finally:
        for each in processes:
            each.terminate()
            each.wait(10)


def answers(port: int, password: str | None) -> bool:
    with redis.Redis(port=port, password=password) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.mark.parametrize("form", ["socket", "sentinel"])
def test_every_part_understands_it(form: str, urls: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with Installation(database_url, urls[form], tmp_path) as installation, Receiver() as receiver:
        installation.start_api()
        installation.start_worker()
        flower = start_flower(installation)
        installation.webhook(receiver.url)
        assert httpx.get(f"{installation.api_url}/readyz").json()["checks"]["redis"] == "ok"
        installation.publish()
        (account,) = installation.rows("SELECT id FROM accounts")
        with Celery("shop", set_as_current=False) as producer:
            producer.config_from_object(celery_settings(urls[form]))
            event = {"account": f"acct_{account['id'].hex}", "type": "order.completed", "data": {}}
            producer.send_task("flux.publish", kwargs=event)
        eventually(lambda: len(receiver.requests) == 2, "both are delivered")
        eventually(lambda: "flux.deliver" in tasks_in(flower), "Flower has seen it")
        assert not any(process.logged("broker.unavailable") for process in installation.processes)
        assert not any(process.logged(PASSWORD) or process.logged("a%2Fb%25") for process in installation.processes)


def test_variables_of_another_application_steer_nothing(installation: Installation) -> None:
    elsewhere = "redis://127.0.0.1:1/7"
    foreign = {
        "CELERY_BROKER_URL": elsewhere,
        "CELERY_BROKER_READ_URL": elsewhere,
        "CELERY_BROKER_WRITE_URL": elsewhere,
        "CELERY_RESULT_BACKEND": elsewhere,
        "CELERY_LOADER": "shop.loader",
        "CELERY_CONFIG_MODULE": "shop.celeryconfig",
        "BROKER_URL": elsewhere,
        "RESULT_BACKEND": elsewhere,
        "APP": "shop",
        "FLOWER_PORT": "tcp://10.0.0.7:5555",
        "FLOWER_URL_PREFIX": "shop",
        "FLOWER_BASIC_AUTH": "someone:else",
    }
    installation.settings |= foreign
    with Receiver() as receiver:
        installation.start_api()
        installation.start_worker()
        flower = start_flower(installation)
        installation.webhook(receiver.url)
        installation.publish()
        eventually(lambda: receiver.requests, "it is delivered")
        eventually(lambda: "flux.deliver" in tasks_in(flower), "by a message, and Flower has seen it")


def start_flower(installation: Installation) -> str:
    port = free_port()
    installation.start("flower", "flower", FLUX_FLOWER_PORT=str(port), FLUX_FLOWER_BASIC_AUTH="watch:me")
    url = f"http://watch:me@127.0.0.1:{port}"
    eventually(lambda: tasks_in(url) is not None, "Flower answers")
    return url


def tasks_in(flower: str) -> Any:
    try:
        tasks = httpx.get(f"{flower}/api/tasks").raise_for_status().json()
    except httpx.HTTPError:
        return None
    return {task["name"] for task in tasks.values() if task["state"] == "SUCCESS"}
