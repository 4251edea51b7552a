"""What does not go through the tunnel is told so, and costs nobody else anything."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.api import auth
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.tunnel import inbound, limits, presence
from flux_dispatch.tunnel.frames import (
    CLOSED_ENDED,
    CLOSED_REPLACED,
    INSTANCE_HEADER,
    MAX_BODY_BYTES,
    SUBPROTOCOL,
    Answer,
    Ended,
    Ready,
    Request,
    encode,
)
from tests.support.api import Caller, api_client, running_api
from tests.support.listener import Command, listen
from tests.support.waiting import eventually_async


@pytest.fixture
async def anyone() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def session(tenant: Caller) -> dict[str, str]:
    return await listen(tenant.http)


@pytest.fixture
async def command(api: str, tenant: Caller, session: dict[str, str]) -> AsyncIterator[Command]:
    command = Command(session, tenant.key)
    async with command.connected(api):
        yield command


async def check(answer: aiohttp.ClientResponse, status: int, code: str) -> None:
    assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


async def test_a_guessed_token_leads_nowhere(api: str, command: Command, anyone: aiohttp.ClientSession) -> None:
    token = command.session["url"].rpartition("/")[2]
    assert len(token) == len("lst_") + 43, "256 random bits"
    for guess in (
        *(token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-1], token + "A", token.upper(), "lst_", "x"),
        *("lst_" + "A" * 43, "lst_%00", "lst_" + "é" * 43),
    ):
        async with anyone.post(f"{api}/in/{guess}", data=b"x") as answer:
            await check(answer, 404, "not_found")
    async with anyone.post(f"{api}/in/", data=b"x") as answer:
        await check(answer, 404, "not_found")
    assert not command.forwarded


async def test_after_its_end_the_url_answers_410(
    api: str, tenant: Caller, command: Command, anyone: aiohttp.ClientSession
) -> None:
    url, id_ = command.session["url"], command.session["id"]
    assert (await tenant.http.delete(f"/v1/listen/{id_}")).status_code == 204
    for path in ("", "/deeper"):
        async with anyone.post(url + path, data=b"x") as answer:
            await check(answer, 410, "listen_session_ended")

    async def is_closed() -> bool:
        return command.close_code == CLOSED_ENDED

    await eventually_async(is_closed, "the command is told")
    (ended,) = command.of_kind(Ended)
    assert ended.reason == "deleted"
    assert "flux listen" in ended.message
    async with aiohttp.ClientSession() as client:
        await refused(client, command, api, 410)
    assert (await tenant.http.get(f"/v1/webhooks/{command.session['webhook']}")).status_code == 404


async def refused(client: aiohttp.ClientSession, command: Command, api: str, status: int) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await command.dial(client, api)
    assert refusal.value.status == status


async def test_one_session_is_one_command_s(
    api: str, tenant: Caller, session: dict[str, str], command: Command, anyone: aiohttp.ClientSession
) -> None:
    await refused(anyone, Command(session, tenant.key), api, 409)
    assert command.of_kind(Ready)
    # the same run may, for it knows better than the server whether its connection is dead
    again = Command(session, tenant.key, instance=command.instance)
    async with again.connected(api):

        async def is_replaced() -> bool:
            return command.close_code == CLOSED_REPLACED

        await eventually_async(is_replaced, "the older connection is closed")
        async with anyone.post(session["url"], data=b"x") as answer:
            assert await answer.read() == b"x"
        assert len(again.forwarded) == 1


async def test_who_may_connect(
    api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller, anyone: aiohttp.ClientSession
) -> None:
    session = await listen(tenant.http)
    _, reader = await ApiKeyStore(database).create(tenant.account, [Scope.READ])
    unknown = {**session, "id": "lsn_" + "0" * 32}
    for key, which, status in (
        (tenant.key[:-1] + "!", session, 401),
        (reader, session, 403),
        (other_tenant.key, session, 404),
        (tenant.key, unknown, 404),
        (tenant.key, {"id": "x"}, 404),
    ):
        await refused(anyone, Command(which, key), api, status)


async def test_what_is_no_command_is_told_so(
    api: str, tenant: Caller, session: dict[str, str], anyone: aiohttp.ClientSession
) -> None:
    path = f"/v1/listen/{session['id']}/socket"
    named = {INSTANCE_HEADER: "0" * 32, "Sec-WebSocket-Protocol": SUBPROTOCOL}
    answer = await tenant.http.get(path, headers=named)
    assert (answer.status_code, answer.json()["error"]["code"]) == (426, "upgrade_required")
    assert (await tenant.http.get(path)).status_code == 400
    assert (await tenant.http.post(path)).status_code == 405
    command = Command(session, tenant.key)
    for wrong in ({"protocols": ("flux.listen.v9",)}, {"protocols": ()}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await command.dial(anyone, api, **wrong)
        assert refusal.value.status == 400


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff" * 9,
        encode(Ready("a", "b", ())),
        b"\0\0\0\x2a" + json.dumps({"kind": "answer", "id": "a", "status": 99}).encode(),
        "text",
    ],
)
async def test_rubbish_ends_the_connection_and_not_the_session(
    api: str, tenant: Caller, session: dict[str, str], anyone: aiohttp.ClientSession, message: bytes | str
) -> None:
    command = Command(session, tenant.key)
    socket = await command.dial(anyone, api)
    await socket.receive()
    await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
    assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1002
    async with command.connected(api), anyone.post(session["url"], data=b"x") as answer:
        assert await answer.read() == b"x"


async def test_an_answer_to_nothing_is_said_to_be_to_nothing(api: str, command: Command) -> None:
    assert api
    async with aiohttp.ClientSession() as client:
        socket = await command.dial(client, api)
        await socket.receive()
        await socket.send_bytes(encode(Answer("1" * 32, 200, (), b"x")))
        message = await socket.receive(5)
        assert b'"kind":"gone"' in message.data
        await socket.close()


async def test_a_body_of_5_mb_is_refused(command: Command, anyone: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield bytes(65_536)

    for body in (BytesIO(bytes(5_000_000)), BytesIO(bytes(MAX_BODY_BYTES + 1)), chunks()):
        async with anyone.post(command.session["url"], data=body) as answer:
            await check(answer, 413, "body_too_large")
    assert not command.forwarded


async def test_a_body_that_comes_too_slowly_is_refused(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.setattr(inbound, "BODY_SECONDS", 0.2)
    url = urlsplit(command.session["url"])
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"POST {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_too_many_requests_of_strangers_are_told_to_wait(
    monkeypatch: pytest.MonkeyPatch, command: Command, anyone: aiohttp.ClientSession
) -> None:
    monkeypatch.setattr(limits, "PER_SECOND", 1)
    monkeypatch.setattr(limits, "BURST", 3)
    statuses = []
    for _ in range(5):
        async with anyone.post(command.session["url"], data=b"x") as answer:
            statuses.append(answer.status)
            retry_after = answer.headers.get("Retry-After")
    assert statuses == [200, 200, 200, 429, 429]
    assert retry_after == "1"
    assert len(command.forwarded) == 3


async def test_a_local_server_that_hangs_fills_the_places_of_its_session_only(
    monkeypatch: pytest.MonkeyPatch, api: str, tenant: Caller, command: Command, anyone: aiohttp.ClientSession
) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 3)
    let_go = asyncio.Event()

    async def hang(request: Request) -> Answer:
        await let_go.wait()
        return Answer(request.id, 200, (), b"at last")

    async def post() -> int:
        async with anyone.post(command.session["url"], data=b"x") as answer:
            return answer.status

    command.local = hang
    waiting = [asyncio.create_task(post()) for _ in range(3)]

    async def are_in_flight() -> bool:
        return len(command.forwarded) == 3

    await eventually_async(are_in_flight, "all places are taken")
    assert await post() == 429
    other = Command(await listen(tenant.http), tenant.key)
    async with other.connected(api), anyone.post(other.session["url"], data=b"y") as answer:
        assert await answer.read() == b"y"
    let_go.set()
    assert await asyncio.gather(*waiting) == [200, 200, 200]
    assert await post() == 200


async def test_bodies_that_wait_have_a_bound(
    monkeypatch: pytest.MonkeyPatch, command: Command, anyone: aiohttp.ClientSession
) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_OF_SESSION", 1000)
    async with anyone.post(command.session["url"], data=bytes(1001)) as answer:
        await check(answer, 429, "rate_limited")
    async with anyone.post(command.session["url"], data=bytes(1000)) as answer:
        assert answer.status == 200


async def test_no_page_of_the_host_loads_anything_from_there(command: Command, anyone: aiohttp.ClientSession) -> None:
    for site, mode, status in (
        *(("same-origin", "no-cors", 404), ("same-origin", "cors", 404), ("same-origin", "navigate", 200)),
        *(("cross-site", "cors", 200), ("none", "navigate", 200)),
    ):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        async with anyone.get(command.session["url"], headers=headers) as answer:
            assert answer.status == status, (site, mode)


async def test_a_fault_of_ours_is_logged_without_the_url(
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
    anyone: aiohttp.ClientSession,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def break_down(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(inbound, "for_the_command", break_down)
    async with anyone.get(command.session["url"]) as answer:
        await check(answer, 500, "internal_error")
    logged = capsys.readouterr().out
    assert "request.failed" in logged
    assert command.session["url"].rpartition("/")[2] not in logged.partition("Traceback")[0]


async def test_trace_and_connect_are_not_forwarded(command: Command) -> None:
    url = urlsplit(command.session["url"])
    for method in ("TRACE", "CONNECT"):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(f"{method} {url.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert int((await reader.readline()).split()[1]) in {400, 404, 405}
        writer.close()
    assert not command.forwarded


async def test_sessions_may_be_at_a_host_of_their_own(
    database_url: str, redis_url: str, database: AsyncEngine, anyone: aiohttp.ClientSession
) -> None:
    own = {"public_url": "https://flux.example.com", "listen_url": "https://Hooks.Example.net/t"}
    async with running_api(database_url, redis_url, **own) as api, api_client(api, database) as caller:
        command = Command(await listen(caller.http), caller.key)
        assert command.session["url"].startswith("https://hooks.example.net/t/in/lst_")
        assert command.session["socket_url"] == f"wss://flux.example.com/v1/listen/{command.session['id']}/socket"
        path = "/in/" + command.session["url"].rpartition("/")[2]
        async with command.connected(api):
            for host, status in (("hooks.example.net", 200), ("flux.example.com", 404), ("10.0.0.1", 200)):
                async with anyone.get(api + path, headers={"Host": host}) as answer:
                    assert answer.status == status, host


async def test_a_key_that_is_revoked_ends_what_it_connected(
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    redis_url: str,
    database: AsyncEngine,
    anyone: aiohttp.ClientSession,
) -> None:
    monkeypatch.setattr(presence, "TOUCH_SECONDS", 0.1)
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0.1)
    async with running_api(database_url, redis_url) as api, api_client(api, database) as caller:
        keys = ApiKeyStore(database)
        made, key = await keys.create(caller.account, [Scope.WEBHOOKS_WRITE])
        command = Command(await listen(caller.http), key)
        async with command.connected(api):
            assert (await caller.http.delete(f"/v1/api-keys/{made.id}")).status_code == 204

            async def is_told() -> bool:
                return bool(command.of_kind(Ended))

            await eventually_async(is_told, "the command is told")
        assert command.of_kind(Ended)[0].reason == "key_revoked"
        async with anyone.post(command.session["url"], data=b"x") as answer:
            await check(answer, 410, "listen_session_ended")
