"""Every route of the dashboard, as the application has it, so that what is checked of all cannot forget a new one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import httpx
from aiohttp import web

from flux_dispatch.dashboard.admission import Needs, needs_of
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.pages import PAGES
from tests.support.api import Caller
from tests.support.store_harness import StoreHarness

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)


@dataclass(frozen=True)
class Route:
    """A method and a path with names in it, and what whoever asks must be."""

    method: str
    path: str
    needs: Needs

    @property
    def names(self) -> set[str]:
        return set(re.findall(r"{(\w+)}", self.path))

    def at(self, named: Mapping[str, str]) -> str:
        """Return its path for these things; what is not among them has an id that nothing has."""
        return re.sub(r"{(\w+)}", lambda match: named.get(match[1], f"{match[1]}_{'0' * 32}"), self.path)


ROUTES: Final = [
    Route(each.method, ROOT + each.path, cast(Needs, needs_of(each.handler)))
    for table in PAGES
    for each in table
    if isinstance(each, web.RouteDef)
]
MARKED: Final = [each for each in ROUTES if each.needs.scope is not None]
FORMS: Final = [each for each in MARKED if each.method == "POST"]
PAGES_TO_SEE: Final = [each for each in MARKED if each.method == "GET"]
ACCOUNT_PAGES: Final = [
    each
    for each in PAGES_TO_SEE
    if "account" in each.names and not each.needs.is_for_operators and not each.path.endswith("/stream")
]
"""Those that people of an account read; the stream has no end."""


async def things_of(caller: Caller, *, with_channel: bool = True) -> dict[str, str]:
    """Have the account own something of what paths name, and return it by those names.

    An alert channel takes a process that reads its URL: who names none saves that.
    """
    webhook = await caller.webhook("*")
    event = await caller.event()
    deliveries = (await caller.http.get("/v1/deliveries")).json()["data"]
    recovery = await caller.http.post(f"/v1/webhooks/{webhook['id']}/recover", json={"since": "2026-01-01T00:00:00Z"})
    assert recovery.is_success, recovery.text
    event_type = await caller.http.post("/v1/event-types", json={"name": "order.sent"})
    assert event_type.is_success, event_type.text
    session = await caller.http.post("/v1/listen", json={})
    assert session.is_success, session.text
    keys = (await caller.http.get("/v1/api-keys")).json()["data"]
    return {
        "account": caller.account,
        "webhook": webhook["id"],
        "event": event["id"],
        "delivery": deliveries[0]["id"],
        "recovery": recovery.json()["id"],
        "event_type": "order.sent",
        "key": keys[0]["id"],
        "session": session.json()["id"],
        **({"channel": await _channel(caller)} if with_channel else {}),
    }


async def _channel(caller: Caller) -> str:
    made = await caller.http.post("/v1/alert-channels", json={"url": "jsons://127.0.0.1:9/x"})
    assert made.is_success, made.text
    return str(made.json()["id"])


async def look(browser: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    """Ask for a page, and of one that never ends for its beginning."""
    async with browser.stream(method, path) as answer:
        if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            await answer.aread()
    return answer


async def stored(world: StoreHarness) -> dict[str, str]:
    """Return what each table holds, in short."""
    tables = await world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {
        table: await world.scalar(
            f"SELECT md5(coalesce(string_agg(row::text, ' ' ORDER BY row::text), '')) FROM {table} AS row"  # noqa: S608 - the names are the database's own
        )
        for (table,) in tables
    }
