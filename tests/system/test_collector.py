"""A collector that is down, hangs or refuses costs spans and a line in the log, and nobody's time."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import pytest
import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.trace import TraceRatio
from tests.support import otlp
from tests.support.server_in_thread import HANG
from tests.support.waiting import eventually
from workers.tracing.callers import message_tracing
from workers.tracing.collector import Collector, open_exporter
from workers.tracing.spans import Span, SpanRecorder

QUEUE = 600
NAMES = ["half \ud800 a pair", "\x00\x1b[2J", "n" * 1000]
TIMEOUT_SECONDS = 1.5
"""Long enough for the library to try again once, and to say why."""


Opened: TypeAlias = Callable[..., tuple[Collector, SpanRecorder]]
"""Opens what records, and what sends to a port."""


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", str(TIMEOUT_SECONDS))
    return monkeypatch


@pytest.fixture
def opened(soon: pytest.MonkeyPatch) -> Opened:
    return partial(_opened, soon)


def _opened(environment: pytest.MonkeyPatch, port: int, query: str = "") -> tuple[Collector, SpanRecorder]:
    environment.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{port}{otlp.PATH}{query}")
    collector = Collector(open_exporter(), QUEUE)
    return collector, SpanRecorder(collector, Resource({"service.name": "test"}), TraceRatio(1))


def record(recorder: SpanRecorder, count: int = 1) -> None:
    for number in range(count):
        now = time.time_ns()
        recorder.record(Span(f"span {number}", recorder.cause(None).context, SpanKind.INTERNAL, now, now, {}))


def events(logged: list[Any]) -> list[str]:
    return [line["event"] for line in logged]


def test_one_that_is_down_is_said_once_and_again_when_it_is_back(logged: list[Any], opened: Opened) -> None:
    port = free_port()
    collector, recorder = opened(port)
    began = time.monotonic()
    for _ in range(3):
        record(recorder, 5)
        eventually(lambda: "tracing.collector_unavailable" in events(logged), "it is said")
    assert time.monotonic() - began < 10
    with otlp.Collector(port=port) as server:

        def arrives() -> list[otlp.Seen]:
            record(recorder)
            return server.spans

        eventually(arrives, "spans arrive")
        eventually(lambda: "tracing.collector_available" in events(logged), "it is said")
        collector.close()
    assert events(logged) == ["tracing.collector_unavailable", "tracing.collector_available"]
    assert logged[1]["spans_lost"] >= 5
    assert f"port={port}" in logged[0]["cause"]
    assert "refused" in logged[0]["cause"]


@pytest.mark.parametrize("status", [500, 503, 401, 404, 302, 308])
def test_one_that_refuses_is_said_once(status: int, logged: list[Any], opened: Opened) -> None:
    with otlp.Collector(status) as server:
        collector, recorder = opened(server.port)
        for number in range(1, 4):
            record(recorder)
            eventually(lambda number=number: server.requests >= number, "it is asked")
        eventually(lambda: events(logged), "it is said")
        collector.close()
    assert events(logged) == ["tracing.collector_unavailable"]
    assert "spans are dropped" in logged[0]["consequence"]
    reasons = {500: "Internal Server Error", 503: "Service Unavailable", 401: "Unauthorized", 404: "Not Found"}
    reasons |= dict.fromkeys((302, 308), f"It answered {status} and leads elsewhere: name where its spans are taken.")
    assert reasons[status] in logged[0]["cause"]


def test_what_is_said_of_one_holds_no_key_of_its_url(logged: list[Any], opened: Opened) -> None:
    collector, recorder = opened(free_port(), "?key=sesame")
    record(recorder)
    eventually(lambda: "tracing.collector_unavailable" in events(logged), "it is said")
    collector.close()
    assert f"url: {otlp.PATH}?… " in logged[0]["cause"]
    assert "sesame" not in repr(logged)


def test_what_no_text_can_hold_costs_no_other_span(logged: list[Any], opened: Opened) -> None:
    with otlp.Collector() as server:
        collector, recorder = opened(server.port)
        record(recorder, 5)
        for name in NAMES:
            with message_tracing(recorder, "flux.publish", {"id": name, "delivery_info": {"routing_key": name}}):
                pass
        collector.close()
        assert len(server.spans) == 8
        names = [each.attributes["messaging.message.id"] for each in server.spans[5:]]
        assert names == ["half ? a pair", "\x00\x1b[2J", "n" * 256]
    assert logged == []


def test_one_that_hangs_holds_nobody_and_no_more_than_its_part_of_memory(logged: list[Any], opened: Opened) -> None:
    with otlp.Collector(HANG) as server:
        collector, recorder = opened(server.port)
        record(recorder)
        eventually(lambda: server.requests, "it is asked")
        began = time.monotonic()
        record(recorder, 5 * QUEUE)
        assert time.monotonic() - began < 1.5
        assert collector.dropped >= 3 * QUEUE
        ended = time.monotonic()
        collector.close(0.2)
        assert time.monotonic() - ended < 1
    # with those that it has in hand
    (lost,) = [line["count"] for line in logged if line["event"] == "tracing.spans_lost"]
    assert lost == 1 + 5 * QUEUE - collector.dropped


def test_what_was_recorded_last_arrives_before_the_end(logged: list[Any], opened: Opened) -> None:
    with otlp.Collector() as server:
        collector, recorder = opened(server.port)
        record(recorder, 50)
        collector.close()
        assert len(server.spans) == 50
    assert logged == []
