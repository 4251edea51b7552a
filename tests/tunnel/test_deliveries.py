"""Deliveries to a listen session come through a real worker, and none is skipped or forwarded twice, whatever ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from flux_webhooks import verify

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.tunnel.frames import Answer, Failed, Request
from tests.support.installation import Installation, Process
from tests.support.listener import Command, echo
from tests.support.waiting import eventually, eventually_async


@pytest.fixture
def installation(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    with Installation(database_url, redis_url, tmp_path) as installation:
        yield installation


class Running:
    """An installation whose API can be ended and started again at the same place."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        installation.settings["FLUX_PUBLIC_URL"] = self.url

    def start_api(self) -> Process:
        part = self.installation.start("api", "api", FLUX_API_PORT=str(self.port))
        self.installation.api_url = self.url
        eventually(lambda: self.installation._is_ready(part), "the API is ready")
        return part

    async def command(self, **body: Any) -> Command:
        return Command(await self.call("POST", "/v1/listen", body), self.installation.key)

    async def publish(self, count: int) -> list[str]:
        events = [{"type": "order.completed", "data": {"number": each}} for each in range(count)]
        made = await self.call("POST", "/v1/events/batch", {"events": events})
        return [each["id"] for each in made["data"]]

    async def call(self, method: str, path: str, json: Any = None) -> Any:
        return await asyncio.to_thread(self.installation.call, method, path, json)

    async def becomes(self, command: Command, states: list[str], what: str) -> None:
        """Return when the deliveries to the command's webhook are in these states."""
        webhook = command.session["webhook"].partition("_")[2]
        query = "SELECT state FROM deliveries WHERE webhook_id = CAST($1 AS uuid)"

        async def are_there() -> bool:
            rows = await asyncio.to_thread(self.installation.rows, query, webhook)
            return [row["state"] for row in rows] == states

        await eventually_async(are_there, what, 90)

    @asynccontextmanager
    async def always_connected(self, command: Command) -> AsyncIterator[None]:
        """Be connected as `flux listen` is: whenever the connection ends, another one is made."""

        async def connect_again() -> None:
            while True:
                try:
                    async with command.connected(self.url):
                        await eventually_async(lambda: is_true(command.close_code is not None), "its end", 600)
                    command.close_code = None
                except OSError:
                    await eventually_async(self._listens, "the API is back")

        connecting = asyncio.create_task(connect_again())
        try:
            yield
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


async def is_true(value: object) -> bool:
    return bool(value)


async def test_deliveries_are_like_others_and_end_with_the_session(installation: Installation) -> None:
    running = Running(installation)
    # the operator's own host may be reached by the workers, though it is private, and nothing else is
    installation.settings |= {"FLUX_ALLOW_NETWORKS": "", "FLUX_RETRY_DELAYS": "0,1", "FLUX_DELIVERY_TIMEOUT": "2"}
    await asyncio.to_thread(running.start_api)
    await asyncio.to_thread(installation.start_worker)
    await _what_comes_is_signed(running)
    await _what_came_while_nobody_listened_comes_when_somebody_does(running)
    await _what_is_open_at_the_end_is_canceled(running)
    assert await asyncio.to_thread(installation.is_drained)
    assert not (await asyncio.to_thread(installation.call, "GET", "/v1/alerts"))["data"], "they alarm nobody"
    assert not (await asyncio.to_thread(installation.call, "GET", "/v1/listen"))["data"]
    assert not (await asyncio.to_thread(installation.call, "GET", "/v1/webhooks"))["data"]


async def _what_comes_is_signed(running: Running) -> None:
    command = await running.command(events=["order.*"])

    async def refuse(request: Request) -> Failed:
        return Failed(request.id, "connection_refused", "Nothing listens at 127.0.0.1:3000.")

    command.local = refuse
    async with command.connected(running.url):
        (event,) = await running.publish(1)
        await eventually_async(lambda: is_true(command.forwarded), "it came")
        (delivery,) = (await running.call("GET", f"/v1/events/{event}/deliveries"))["data"]
        request = command.forwarded[0]
        signature = dict(request.headers)["flux-signature"]
        assert verify(request.body, signature, command.session["secret"])["id"] == event
        assert request.delivery == delivery["id"] == dict(request.headers)["flux-delivery"]
        command.local = echo
        await eventually_async(lambda: is_true(len(command.forwarded) == 2), "the retry table is kept")
        shown = await running.call("GET", f"/v1/deliveries/{delivery['id']}")
        assert shown["attempts"][0]["status"] == 502
        assert "127.0.0.1:3000" in shown["attempts"][0]["response"]["excerpt"]
        forged = {"flux-delivery": delivery["id"], "flux-signature": signature}
        async with httpx.AsyncClient() as anyone:
            await anyone.post(command.session["url"], content=request.body + b" ", headers=forged)
        assert command.forwarded[2].delivery is None, "its signature is not of this body"
    await running.call("DELETE", f"/v1/listen/{command.session['id']}")


async def _what_came_while_nobody_listened_comes_when_somebody_does(running: Running) -> None:
    command = await running.command()
    events = await running.publish(3)
    await running.becomes(command, ["failed"] * 3, "no attempt is left")
    async with command.connected(running.url):
        await eventually_async(lambda: is_true(len(command.forwarded) == 3), "they come at once", 5)
        await running.becomes(command, ["delivered"] * 3, "they are delivered")
        for event in events:
            assert (await running.call("GET", f"/v1/events/{event}"))["status"] == "delivered"
    await running.call("DELETE", f"/v1/listen/{command.session['id']}")


async def _what_is_open_at_the_end_is_canceled(running: Running) -> None:
    command = await running.command()
    let_go = asyncio.Event()

    async def hang(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 500, (), b"")

    command.local = hang
    async with command.connected(running.url):
        await running.publish(3)
        await eventually_async(lambda: is_true(len(command.forwarded) == 3), "they came")
        await running.call("DELETE", f"/v1/listen/{command.session['id']}")
        let_go.set()
        await running.becomes(command, ["canceled"] * 3, "what was open is canceled")


async def test_nothing_is_skipped_and_nothing_comes_twice_though_the_api_is_killed(
    installation: Installation,
) -> None:
    running = Running(installation)
    api = await asyncio.to_thread(running.start_api)
    await asyncio.to_thread(installation.start_worker)
    command = await running.command()
    url = command.session["url"]

    async def takes_a_moment(request: Request) -> Answer:
        await eventually_async(lambda: is_true(value=True), "", 1)
        return Answer(request.id, 200, (), b"")

    command.local = takes_a_moment
    async with running.always_connected(command):
        await eventually_async(lambda: is_true(command.frames), "it is connected")
        first = await running.publish(100)
        await eventually_async(lambda: is_true(len(command.forwarded) > 20), "some came")
        await asyncio.to_thread(api.kill)
        api = await asyncio.to_thread(running.start_api)
        second = await running.publish(50)

        await running.becomes(command, ["delivered"] * 150, "all are delivered")
        assert command.session["url"] == url
    events = [dict(each.headers)["webhook-id"] for each in command.forwarded]
    assert sorted(events) == sorted([*first, *second])
