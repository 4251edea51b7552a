"""Runs the API of given settings on a free port, and calls it as an account."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from ssl import SSLContext
from typing import Any, cast

import httpx
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import load_settings
from flux_dispatch.api.server import ApiRunner
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.described import check_described
from workers.wiring.api import api_application

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
ENCRYPTION_KEY = b64encode(bytes(range(32))).decode()
URL = "https://example.com/hooks"
EVENT: dict[str, Any] = {"type": "order.completed", "data": {"order": 7}}


@dataclass(frozen=True)
class Caller:
    """An account with a key, and a client that sends it."""

    account: AccountId
    key: str
    http: httpx.AsyncClient

    async def webhook(self, *events: str) -> dict[str, Any]:
        answer = await self.http.post("/v1/webhooks", json={"url": URL, "events": events or ("*",)})
        assert answer.status_code == 201, answer.text
        return cast(dict[str, Any], answer.json())

    async def event(self, event_type: str = "order.completed") -> dict[str, Any]:
        answer = await self.http.post("/v1/events", json={"type": event_type, "data": {"order": 7}})
        assert answer.status_code == 202, answer.text
        return cast(dict[str, Any], answer.json())


@asynccontextmanager
async def running_api(
    database_url: str, redis_url: str, *, port: int = 0, tls: SSLContext | None = None, **settings: str
) -> AsyncIterator[str]:
    """Yield the URL of an API, on a free port unless one is given; further settings by their names in lower case."""
    given = {"database_url": database_url, "redis_url": redis_url, "encryption_keys": ENCRYPTION_KEY, **settings}
    async with api_application(load_settings({f"FLUX_{name.upper()}": value for name, value in given.items()})) as app:
        runner = ApiRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@asynccontextmanager
async def api_client(api: str, database: AsyncEngine, scopes: Sequence[str] = (Scope.ADMIN,)) -> AsyncIterator[Caller]:
    """Yield a new account's caller."""
    account = await AccountStore(database).create("test")
    _, key = await ApiKeyStore(database).create(account, scopes)
    async with client(api, key) as http:
        yield Caller(account, key, http)


def client(api: str, key: str, **headers: str) -> httpx.AsyncClient:
    """Return a client that sends this key, and holds every answer to what the API says of itself."""
    return httpx.AsyncClient(
        base_url=api,
        headers={"Authorization": f"Bearer {key}", **headers},
        event_hooks={"response": [check_described]},
        trust_env=False,
    )


def check_error(answer: httpx.Response, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    """Check the envelope of an error and return what it holds."""
    assert answer.status_code == status, answer.text
    assert status in documented_errors()[code]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"type", "code", "message", "param", "doc_url", "request_id"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["doc_url"].endswith(f"/docs/errors.md#{code}")
    assert error["message"].endswith((".", "`.", "?"))
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert "Traceback" not in answer.text
    return cast(dict[str, Any], error)


@cache
def documented_errors() -> dict[str, set[int]]:
    """Return the codes that docs/errors.md explains, each with its statuses."""
    sections = re.findall(r"(?m)^### `(\w+)`\n\n([\d, ]+)\. .{20,}", ERRORS.read_text())
    return {code: {int(status) for status in statuses.split(", ")} for code, statuses in sections}
