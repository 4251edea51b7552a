"""The publisher and its history: what was sent, what was acknowledged, what was left unclear."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

import httpx

from tests.support.waiting import eventually

TIMEOUT_SECONDS = 8.0
MAX_TURN_SECONDS = 3.0
"""How long an event waits for its turn; while a worker is dead, its turn does not come."""


@dataclass
class Publisher:
    """Publishes one event after another, each with an idempotency key, and repeats it until it is acknowledged.

    One event in eight, as `random` has it, asks the receiver to refuse its first attempt.
    """

    api_url: Callable[[], str]
    key: str
    pause_seconds: float
    is_my_turn: Callable[[], bool]
    random: Random
    secrets: list[str] = field(default_factory=list)
    """Those that a delivery may be signed with."""
    acknowledged: dict[str, str] = field(default_factory=dict)
    """By idempotency key, the event's id."""
    unclear: set[str] = field(default_factory=set)
    """Keys of which at least one try was left without an answer."""
    refused: list[int] = field(default_factory=list)
    """Statuses other than 202."""
    seconds: list[float] = field(default_factory=list)
    """How long each acknowledged try took."""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Publish no new event; return when the last one is acknowledged."""
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, timeout=TIMEOUT_SECONDS) as client:
            number = 0
            while not self._stop.is_set():
                self._publish(client, number)
                number += 1
                self._stop.wait(self.pause_seconds)
                self._wait_for_turn()

    def _publish(self, client: httpx.Client, number: int) -> None:
        key = uuid.UUID(int=self.random.getrandbits(128)).hex
        data = {"n": number, "is_refused_once": self.random.randrange(8) == 0}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                response = client.post(
                    f"{self.api_url()}/v1/events",
                    json={"type": "order.completed", "data": data},
                    headers={"Idempotency-Key": key},
                )
            except httpx.TransportError:
                self.unclear.add(key)
            else:
                if response.status_code == httpx.codes.ACCEPTED:
                    self.seconds.append(time.monotonic() - began)
                    self.acknowledged[key] = response.json()["id"]
                    return
                self.refused.append(response.status_code)
            self._pause.wait(0.1)

    def _wait_for_turn(self) -> None:
        with suppress(AssertionError):
            eventually(lambda: self._stop.is_set() or self.is_my_turn(), "it is my turn", MAX_TURN_SECONDS)
