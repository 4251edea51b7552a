"""A server that answers as it is told, over real sockets, and clients of both colours that ask it."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Callable, Union

import httpx
import pytest

import flux_webhooks

KEY = "sk_live_0123456789abcdefghijABCDEFGHIJ99secret"
# read once: each client would take longer for that than for all else that it does here
CERTIFICATES = ssl.create_default_context()
Reply = Union[bytes, Callable[["Wire", socket.socket], None]]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """Gives each request the next of its replies, the last one again and again, and hangs up after each."""

    replies: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    key: str = KEY

    @staticmethod
    def answer(given: object, status: int = 200, **headers: str) -> bytes:
        """Return an HTTP response with this JSON, or this text."""
        body = given if isinstance(given, str) else json.dumps(given)
        more = {"Content_Type": "application/json", "X_Request_Id": "req_1", **headers, "Connection": "close"}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
        return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()

    @classmethod
    def refusal(cls, status: int, kind: str = "api_error", code: str = "c", **headers: str) -> bytes:
        """Return an error as the API answers it."""
        error = {"type": kind, "code": code, "message": "No.", "param": "url", "doc_url": "https://x/y"}
        return cls.answer({"error": {**error, "request_id": "req_2"}}, status, **headers)

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(20)
                try:
                    self.asked.append(read_request(connection))
                    reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
                    if callable(reply):
                        reply(self, connection)
                    else:
                        connection.sendall(reply)
                except OSError:
                    pass  # the client hung up, as some tests want it to


def read_request(connection: socket.socket) -> Asked:
    with connection.makefile("rb") as stream:
        method, target, _ = stream.readline().decode().split(" ")
        headers = {}
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Asked(method, target, headers, stream.read(int(headers.get("content-length", 0))))


@pytest.fixture
def wire() -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Wire(url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=made.serve, args=[listening])
        thread.start()
        yield made
        made.over.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(20)


@pytest.fixture(params=["Flux", "AsyncFlux"])
def ask(request: pytest.FixtureRequest, wire: Wire) -> Callable[..., Any]:
    """Call an operation by its name with a client of each colour, and of a list return all that it lists."""
    make = getattr(flux_webhooks, request.param)

    async def ask_async(method: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        async with httpx.AsyncClient(verify=CERTIFICATES) as http, make(KEY, http_client=http, **options) as flux:
            found = await method(flux)
            return [each async for each in found] if isinstance(found, flux_webhooks.AsyncPage) else found

    def call(name: str, *arguments: Any, client: dict[str, Any] | None = None, **given: Any) -> Any:
        options = {"api_url": wire.url, **(client or {})}

        def method(flux: Any) -> Any:
            resource, _, verb = name.partition(".")
            return getattr(getattr(flux, resource), verb)(*arguments, **given)

        if request.param == "AsyncFlux":
            return asyncio.run(ask_async(method, options))
        with httpx.Client(verify=CERTIFICATES) as http, make(KEY, http_client=http, **options) as flux:
            found = method(flux)
            return list(found) if isinstance(found, flux_webhooks.Page) else found

    return call


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited before each retry, which takes no time here and is as long as it may be.

    Threads that others have left behind sleep as they did.
    """
    waited: list[float] = []
    wait, wait_async, us = time.sleep, asyncio.sleep, threading.get_ident()

    def note(seconds: float) -> None:
        waited.append(seconds) if threading.get_ident() == us else wait(seconds)

    async def note_async(seconds: float) -> None:
        if threading.get_ident() == us:
            waited.append(seconds)
            seconds = 0
        await wait_async(seconds)

    monkeypatch.setattr(time, "sleep", note)
    monkeypatch.setattr(asyncio, "sleep", note_async)
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return waited
