"""A Flower of an installation, and what it shows to programs."""

import ssl
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import httpx

from flux_dispatch.cli.embedded import free_port
from tests.support.installation import Installation, Process
from tests.support.waiting import eventually

USER = ("watch", "me")
TLS = ssl.create_default_context()
"""Made once: httpx makes one for each call, which costs more than the call."""


@dataclass
class Flower:
    """One that runs; `url` is where its pages begin."""

    process: Process
    url: str

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask as somebody who may look."""
        return ask("GET", self.url + path, auth=USER, **options)

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return the tasks that it has seen, by their ids."""
        found = self.get("/api/tasks", params={"limit": 100_000}).raise_for_status().json()
        return cast(dict[str, dict[str, Any]], found)

    def count(self) -> Counter[tuple[str, str]]:
        """Return how many tasks there were, by name and state."""
        return Counter((task["name"], task["state"]) for task in self.tasks().values())

    def workers(self) -> dict[str, Any]:
        """Return what the workers say of themselves, by their names."""
        found = self.get("/api/workers", params={"refresh": 1}).raise_for_status().json()
        return cast(dict[str, Any], found)


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """Ask as whoever the options say."""
    return httpx.request(method, url, timeout=20, verify=TLS, **options)


def start_flower(installation: Installation, **settings: str) -> Flower:
    """Start one, and wait until it answers."""
    port = free_port()
    given = {"FLUX_FLOWER_PORT": str(port), "FLUX_FLOWER_BASIC_AUTH": ":".join(USER)} | settings
    process = installation.start("flower", "flower", **given)
    prefix = settings.get("FLUX_FLOWER_URL_PREFIX", "")
    flower = Flower(process, f"http://127.0.0.1:{port}" + (f"/{prefix}" if prefix else ""))
    eventually(lambda: _answers(flower), "Flower answers")
    return flower


def _answers(flower: Flower) -> bool:
    assert flower.process.process.poll() is None, flower.process.log.read_text()
    try:
        return flower.get("/healthcheck").is_success
    except httpx.TransportError:
        return False
