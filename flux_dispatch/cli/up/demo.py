"""The first event: published over the API, delivered by a worker to a receiver in here, and shown as it arrived."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from aiohttp import web
from flux_webhooks import SignatureError, verify

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.up.local_http import local_client

DESCRIPTION: Final = "the demo of flux up"
PATIENCE_SECONDS: Final = 30
EVENT: Final = {"type": "order.completed", "data": {"order": "ord_1001", "amount": 4999, "currency": "EUR"}}


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """The request as it came to the receiver; `verified` says that its signature proves the body."""

    headers: Mapping[str, str]
    body: bytes
    verified: bool
    milliseconds: float


class LoopbackRefused(Exception):
    """The installation's address policy does not allow loopback, so the demo cannot run."""


async def deliver_first_event(api_url: str, key: str) -> ReceivedRequest | None:
    """Deliver one event to a receiver of our own; None when the account has webhooks already, which it might reach.

    Raises:
        LoopbackRefused: the operator allows no loopback address.
        CliError: nothing arrived in time, or what did is not signed as it should be.
    """
    arrived: asyncio.Future[tuple[float, Mapping[str, str], bytes]] = asyncio.get_running_loop().create_future()

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not arrived.done():
            arrived.set_result((time.monotonic(), dict(request.headers), body))
        return web.Response(text="thank you")

    application = web.Application()
    application.router.add_post("/webhooks/flux", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/flux"
    async with local_client(base_url=api_url, headers={"Authorization": f"Bearer {key}"}, timeout=10) as api:
        try:
            return await _run(api, url, arrived)
        finally:
            await _clean_up(api)
            await runner.cleanup()


async def _run(api: httpx.AsyncClient, url: str, arrived: asyncio.Future[Any]) -> ReceivedRequest | None:
    await _clean_up(api)
    if (await api.get("/v1/webhooks")).raise_for_status().json()["data"]:
        return None
    draft = {"url": url, "events": [EVENT["type"]], "description": DESCRIPTION}
    made = await api.post("/v1/webhooks", json=draft)
    if made.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        raise LoopbackRefused(made.json()["error"]["message"])
    secret = made.raise_for_status().json()["secret"]
    published = time.monotonic()
    (await api.post("/v1/events", json=EVENT)).raise_for_status()
    try:
        at, headers, body = await asyncio.wait_for(arrived, PATIENCE_SECONDS)
    except TimeoutError:
        raise CliError(f"The first event did not arrive within {PATIENCE_SECONDS} s.") from None
    try:
        verify(body, headers.get("flux-signature"), secret)
    except SignatureError as error:
        raise CliError(f"The first event arrived, but its signature does not prove it: {error}") from None
    return ReceivedRequest(headers, body, verified=True, milliseconds=(at - published) * 1000)


async def _clean_up(api: httpx.AsyncClient) -> None:
    """Delete the demo's webhooks, also those of a start that was killed."""
    for each in (await api.get("/v1/webhooks", params={"limit": 100})).raise_for_status().json()["data"]:
        if each["description"] == DESCRIPTION:
            (await api.delete(f"/v1/webhooks/{each['id']}")).raise_for_status()
