"""Tracing that is on: what each part is wrapped with, and where its spans go."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import structlog
from aiohttp import web
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from config.settings import Settings
from flux_dispatch import __version__
from flux_dispatch.domain.trace import TraceRatio
from flux_dispatch.engine.deliver import Sender
from flux_dispatch.engine.relay import Outbox
from flux_dispatch.engine.send_test import Tests
from workers.tracing.callers import message_tracing, request_tracing
from workers.tracing.collector import Collector, open_exporter
from workers.tracing.environment import where_to
from workers.tracing.publish import TracedOutbox, TracedPublish, TracedTests
from workers.tracing.sender import TracedSender
from workers.tracing.spans import SpanRecorder
from workers.tracing.traces import Publish

log = structlog.get_logger("flux.tracing")


class Traced:
    """Wraps the parts of a process, so that each records what it did."""

    def __init__(self, recorder: SpanRecorder, *, tells_receivers: bool) -> None:
        self._recorder = recorder
        self._tells_receivers = tells_receivers

    def sender(self, sender: Sender) -> Sender:
        """Have each attempt recorded."""
        return TracedSender(sender, self._recorder, tells_receivers=self._tells_receivers)

    def publish(self, publish: Publish) -> Publish:
        """Have each publication recorded."""
        return TracedPublish(publish, self._recorder)

    def outbox(self, outbox: Outbox) -> Outbox:
        """Have each event that is relayed recorded as published."""
        return TracedOutbox(outbox, self._recorder)

    def tests(self, tests: Tests) -> Tests:
        """Have each test recorded as published."""
        return TracedTests(tests, self._recorder)

    def requests(self, application: web.Application) -> None:
        """Have each request to the API recorded."""
        application.middlewares.insert(0, request_tracing(self._recorder))

    def message(self, task: str, request: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Have the work on a Celery message recorded, with what is published in the block."""
        return message_tracing(self._recorder, task, request)


@asynccontextmanager
async def open_traced(settings: Settings, process: str) -> AsyncIterator[Traced]:
    """Open what a process of this name records with."""
    collector = Collector(open_exporter())
    receivers = settings.tracing_to_receivers
    log.info("tracing.started", collector=where_to(), ratio=settings.tracing_ratio, to_receivers=receivers)
    recorder = SpanRecorder(collector, _resource(process), TraceRatio(settings.tracing_ratio))
    try:
        yield Traced(recorder, tells_receivers=receivers)
    finally:
        await asyncio.to_thread(collector.close)


def _resource(process: str) -> Resource:
    """Return what tells this process from others; what an operator says of it by OTEL_RESOURCE_ATTRIBUTES counts."""
    ours = {
        "service.name": process,
        "service.namespace": "flux-dispatch",
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
