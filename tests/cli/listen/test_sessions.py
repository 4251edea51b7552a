"""Sessions as the command makes, ends and loses them, with the words for whatever an API may answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from flux_webhooks import AsyncFlux

from flux_dispatch.cli.client.target import Target
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen import sessions as module
from flux_dispatch.cli.listen.report import Session
from flux_dispatch.cli.listen.sessions import Sessions, Wish
from flux_dispatch.cli.listen.websocket import Refused

ID = "lsn_" + "0" * 32
SESSION = Session(ID, "https://flux.example/in/lst_x", "whsec_x", ("*",), None)
STORED: dict[str, Any] = {
    "id": ID,
    "object": "listen_session",
    "url": SESSION.url,
    "events": ["*"],
    "forward_to": None,
    "webhook": "wh_" + "0" * 32,
    "status": "ended",
    "created": "2026-01-15T10:30:00Z",
    "last_seen": "2026-01-15T10:30:00Z",
    "ended": "2026-01-15T10:35:00Z",
    "ended_reason": "unseen",
}


def error(status: int, code: str) -> httpx.Response:
    kind = "not_found_error" if status == 404 else "api_error"
    return httpx.Response(status, json={"error": {"type": kind, "code": code, "message": "No."}})


@asynccontextmanager
async def answered(answer: Callable[[httpx.Request], Any]) -> AsyncIterator[Sessions]:
    """Yield sessions at an API that answers so."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        flux = AsyncFlux("sk_live_x", api_url="https://flux.example", http_client=http, max_retries=0)
        yield Sessions(flux, Target("https://flux.example", "sk_live_x", "FLUX_API_URL", "FLUX_API_KEY"))


async def test_an_api_of_an_older_release_is_told() -> None:
    async with answered(lambda _: error(404, "not_found")) as sessions:
        with pytest.raises(CliError, match=r"https://flux\.example does not know `flux listen`: its release is older"):
            await sessions.create(Wish(("*",), None, None))


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (httpx.Response(204), None),
        (error(404, "not_found"), None),
        (error(503, "unavailable"), "No"),
    ],
)
async def test_an_end_that_cannot_be_told_is_said(answer: httpx.Response, trouble: str | None) -> None:
    async with answered(lambda _: answer) as sessions:
        assert await sessions.end(SESSION) == trouble


async def test_an_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "END_SECONDS", 0.05)
    async with answered(never) as sessions:
        assert await sessions.end(SESSION) == "it did not answer within 0.05 s"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "The API key does not work any more."),
        (403, "webhooks:write"),
        (404, "The server does not know this session any more."),
        (409, "Another command is connected to this session."),
        (410, "No command was connected to the session for too long."),
        (426, "does not let a WebSocket through (it answered 426)."),
    ],
)
async def test_a_refusal_is_told_with_what_to_do(status: int, said: str) -> None:
    async with answered(lambda _: httpx.Response(200, json=STORED)) as sessions:
        assert said in (await sessions.why_refused(SESSION, Refused(status))).message


async def test_an_end_that_nobody_can_explain_is_told_all_the_same() -> None:
    async with answered(lambda _: error(503, "unavailable")) as sessions:
        ended = await sessions.why_refused(SESSION, Refused(410))
    assert (ended.reason, ended.message) == ("ended", "The session has ended. Run `flux listen` again for a new one.")
