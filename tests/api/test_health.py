"""Health, the start page, and the API while its database or its broker is unavailable."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch import __version__
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.api_key import encode_api_key
from tests.support.api import EVENT, Caller, check_error, client, running_api
from tests.support.waiting import eventually_async

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def unreachable() -> AsyncIterator[str]:
    """The URL of an API for whose database and broker nothing listens."""
    port = free_port()
    async with running_api(f"postgresql://flux:hunter2@127.0.0.1:{port}/flux", f"redis://127.0.0.1:{port}/0") as url:
        yield url


async def test_health_is_answered_without_a_key(api: str) -> None:
    async with httpx.AsyncClient(base_url=api) as stranger:
        alive, ready = await stranger.get("/healthz"), await stranger.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok", "version": __version__})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "redis": "ok"}},
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
    unreachable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client(unreachable, encode_api_key(bytes(24))) as caller:
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
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "checks": {"database": "unavailable", "redis": "unavailable"},
        "reasons": {"database": "ConnectionRefusedError", "redis": "does not answer"},
    }
    written = capsys.readouterr()
    assert "Traceback" not in written.out + written.err


async def test_without_its_broker_the_api_goes_on(tenant: Caller, database_url: str) -> None:
    async with running_api(database_url, f"redis://127.0.0.1:{free_port()}/0") as url:
        async with client(url, tenant.key) as caller:
            assert (await caller.post("/v1/events", json=EVENT)).status_code == 202
            ready = await caller.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "redis": "unavailable"})


async def test_it_is_ready_while_those_who_change_webhooks_have_all_their_connections(
    tenant: Caller, database: AsyncEngine
) -> None:
    path = f"/v1/webhooks/{(await tenant.webhook('*'))['id']}"
    async with database.connect() as somebody, database.connect() as observer:
        await somebody.execute(text("BEGIN"))
        await somebody.execute(text("SELECT FROM webhooks FOR UPDATE"))
        changes = [asyncio.create_task(tenant.http.patch(path, json={"description": str(n)})) for n in range(12)]

        async def all_wait() -> bool:
            return (await observer.execute(text(_WAITING))).scalar_one() == 10

        await eventually_async(all_wait, "each connection waits for the row")
        ready = await tenant.http.get("/readyz")
        stored = await tenant.http.post("/v1/events", json=EVENT)
        await somebody.execute(text("ROLLBACK"))
        assert {(await change).status_code for change in changes} == {200}
    assert (ready.status_code, stored.status_code) == (200, 202)


async def test_why_requests_cannot_be_served_is_logged_once_a_second(
    unreachable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    began = time.monotonic()
    async with client(unreachable, encode_api_key(bytes(24))) as caller:
        answers = await asyncio.gather(*(caller.get("/v1/webhooks") for _ in range(10)))
        assert {answer.status_code for answer in answers} == {503}
        assert all("Connect" not in answer.text for answer in answers), "the cause is not the caller's to know"
    lines = [line for line in capsys.readouterr().out.splitlines() if "request.unavailable" in line]
    assert 1 <= len(lines) <= 1 + time.monotonic() - began
    assert "Connect call failed" in lines[0] or "ConnectionRefusedError" in lines[0]


async def test_whether_it_is_ready_says_why_not_and_nothing_private(unreachable: str) -> None:
    async with httpx.AsyncClient(base_url=unreachable) as stranger:
        answer = await stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "unavailable", "redis": "unavailable"}
    assert "ConnectionRefusedError" in answer.json()["reasons"]["database"]
    assert not [word for word in ("127.0.0.1", "hunter2", "flux") if word in answer.text]


async def test_a_database_that_only_reads_is_not_ready_until_it_writes_again(tenant: Caller, database_url: str) -> None:
    name = urlsplit(database_url).path.removeprefix("/")
    admin = await asyncpg.connect(database_url)
    assert (await tenant.http.post("/v1/events", json=EVENT)).status_code == 202
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
    )

    async def is_refused() -> bool:
        answer = await tenant.http.post("/v1/events", json=EVENT)
        check_error(answer, 503, "unavailable")
        ready = await tenant.http.get("/readyz")
        return ready.status_code == 503 and "25006" in ready.json()["reasons"]["database"]

    await eventually_async(is_refused, "it says that it is not ready")
    await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await admin.close()
    assert (await tenant.http.get("/readyz")).status_code == 200
    assert (await tenant.http.post("/v1/events", json=EVENT)).status_code == 202
