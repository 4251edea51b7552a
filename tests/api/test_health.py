"""Health, the start page, and the API while its database or its broker is away."""

from collections.abc import AsyncIterator

import httpx
import pytest

from flux_dispatch import __version__
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.api_key import key_from
from tests.api.running import EVENT, Caller, check_error, client, running


@pytest.fixture
async def away() -> AsyncIterator[str]:
    """The URL of an API for whose database and broker nothing listens."""
    port = free_port()
    async with running(f"postgresql://flux:hunter2@127.0.0.1:{port}/flux", f"redis://127.0.0.1:{port}/0") as url:
        yield url


async def test_health_is_answered_without_a_key(api: str) -> None:
    async with httpx.AsyncClient(base_url=api) as stranger:
        alive, ready = await stranger.get("/healthz"), await stranger.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok", "version": __version__})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "parts": {"database": "ok", "redis": "ok"}},
    )


async def test_the_start_page_says_where_things_are(api: str) -> None:
    async with httpx.AsyncClient(base_url=api) as stranger:
        told = await stranger.get("/")
        page = await stranger.get("/", headers={"Accept": "text/html"})
        assert told.json()["version"] == __version__
        assert (await stranger.get(told.json()["links"]["Is it ready?"])).status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert f"Flux Dispatch {__version__}" in page.text
    assert "{" not in page.text.partition("</style>")[2]


async def test_without_its_database_the_api_says_when_to_come_again(
    away: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client(away, key_from(bytes(24))) as caller:
        calls = [
            caller.post("/v1/events", json=EVENT),
            caller.get("/v1/events"),
            caller.get("/v1/webhooks"),
        ]
        for call in calls:
            answer = await call
            assert check_error(answer, 503, "unavailable")["type"] == "api_error"
            assert answer.headers["Retry-After"] == "1"
            assert "hunter2" not in answer.text
        assert (await caller.get("/healthz")).status_code == 200
        ready = await caller.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        503,
        {"status": "not ready", "parts": {"database": "away", "redis": "away"}},
    )
    written = capsys.readouterr()
    assert "Traceback" not in written.out + written.err


async def test_without_its_broker_the_api_goes_on(ours: Caller, database_url: str) -> None:
    async with running(database_url, f"redis://127.0.0.1:{free_port()}/0") as url:
        async with client(url, ours.key) as caller:
            assert (await caller.post("/v1/events", json=EVENT)).status_code == 202
            ready = await caller.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok", "redis": "away"})
