"""The SDK's examples run as they stand: receivers believe what we sign, and a publisher publishes once."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from flux_webhooks import Flux

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.signing import sign_flux
from tests.support.api import URL, Caller
from tests.support.tree import ROOT, SDK
from tests.support.waiting import eventually

EXAMPLES = ROOT / SDK / "examples"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","type":"order.completed","created":"2024-01-15T10:30:00Z","data":{"order":7}}'
COMMANDS = {
    "fastapi": ("-m", "uvicorn", "fastapi_receiver:app", "--port"),
    "flask": ("-m", "flask", "--app", "flask_receiver", "run", "--port"),
    "django": ("django_receiver.py", "runserver", "--noreload", "--skip-checks"),
}


@contextmanager
def receiver(framework: str, secret: str, log: Path) -> Iterator[str]:
    """Run an example, and yield the URL at which it receives."""
    port = free_port()
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[framework], str(port)],
            cwd=EXAMPLES,
            env={**os.environ, "WEBHOOK_SECRET": secret, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: _answers(port), f"{framework} answers", seconds=30)
        yield f"http://127.0.0.1:{port}/webhooks/flux"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("framework", COMMANDS)
def test_a_receiver_believes_what_we_sign_and_nothing_else(framework: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    signed = {"flux-signature": sign_flux([SECRET], int(time.time()), BODY), "content-type": "application/json"}
    with receiver(framework, SECRET, log) as url, httpx.Client(trust_env=False) as http:
        assert http.post(url, content=BODY, headers=signed).status_code == 204
        for changed, headers, code in [(BODY + b" ", signed, "no_match"), (BODY, {}, "missing_header")]:
            refused = http.post(url, content=changed, headers=headers)
            assert (refused.status_code, code in refused.text) == (400, True)
        assert http.get(url).status_code == 405
    assert log.read_text().count("evt_1 order.completed {'order': 7}") == 1


@pytest.mark.parametrize("framework", COMMANDS)
def test_a_receiver_with_a_secret_that_is_none_has_the_delivery_tried_again(framework: str, tmp_path: Path) -> None:
    signed = {"flux-signature": sign_flux([SECRET], int(time.time()), BODY)}
    with receiver(framework, "none", tmp_path / "log") as url, httpx.Client(trust_env=False) as http:
        refused = http.post(url, content=BODY, headers=signed)
        assert (refused.status_code, "bad_secret" in refused.text) == (500, True)


async def test_the_publisher_publishes_once_however_often_it_runs(api: str, tenant: Caller) -> None:
    environment = {**os.environ, "FLUX_API_URL": api, "FLUX_API_KEY": tenant.key}
    command = [sys.executable, EXAMPLES / "publisher.py", URL]
    first, _ = [await asyncio.to_thread(_run, command, environment) for _ in range(2)]
    webhook, delivery = (line.split() for line in first.splitlines())
    assert webhook[1].startswith("whsec_")
    assert delivery[1:] == [webhook[0], "pending"]
    with Flux(tenant.key, api_url=api) as flux:
        (event,) = await asyncio.to_thread(lambda: list(flux.events.list()))
    assert event.id == delivery[0]
    refused = await asyncio.to_thread(subprocess.run, [*command[:2], "ftp://x"], env=environment, capture_output=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"invalid_url (url): ")


def _run(command: list[str | Path], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code > 0
    except httpx.HTTPError:
        return False
