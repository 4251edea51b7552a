"""The collector, as this process sees it: spans go there from a thread of their own, and nobody waits for it."""

import logging
import os
import re
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from workers.tracing.environment import MAX_WAITING

CLOSE_SECONDS: Final = 2.0
"""How long a process that ends gives the collector to take what was recorded last."""

SAY_SECONDS: Final = 60.0
"""How often it is said that spans are dropped because they come faster than the collector takes them."""

_OWN_SESSION: Final = tuple(f"OTEL_PYTHON_EXPORTER_OTLP_HTTP_{signal}CREDENTIAL_PROVIDER" for signal in ("", "TRACES_"))
_LIBRARY: Final = "opentelemetry"
_QUERY: Final = re.compile(r"\?[^\s'\")]+")

log = structlog.get_logger("flux.tracing")


def open_exporter() -> SpanExporter:
    """Return what sends to where OpenTelemetry's own variables say, and with the session that they name, if any."""
    session = requests.Session()
    session.hooks["response"].append(_check_taken)
    has_own = any(os.environ.get(name) for name in _OWN_SESSION)
    return OTLPSpanExporter(session=None if has_own else session)


class Collector:
    """Takes spans, in bounded memory; what it cannot take is counted, and told once the collector takes some again.

    Args:
        exporter: sends a batch, and may take its time.
        max_waiting: how many spans may wait.
    """

    def __init__(self, exporter: SpanExporter, max_waiting: int | None = None) -> None:
        size = max_waiting or int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "").strip() or MAX_WAITING)
        self._most = size
        self._added = 0
        self._watched = _Watched(exporter, self)
        self._batches = BatchSpanProcessor(self._watched, max_queue_size=size)
        self.dropped = 0
        """How many found no place so far."""

    def add(self, span: ReadableSpan) -> None:
        """Have a span sent, from any thread; it is dropped where very many wait already, give or take a few."""
        # counted here, for the library would write a line for each that it drops
        if self._added - self._watched.taken >= self._most:
            self.dropped += 1
            return
        self._added += 1
        self._batches.on_end(span)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Give the collector so long to take what waits, and go."""
        ending = threading.Thread(target=self._batches.shutdown, name="flux-traces-end", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            count = self._added - self._watched.taken + self._watched.in_hand
            self._watched.give_up()
            log.warning("tracing.spans_lost", count=count, waited_seconds=seconds)


class _Watched(SpanExporter):
    """Sends batches, and says once when the collector stops taking them, and once when it takes them again."""

    def __init__(self, exporter: SpanExporter, collector: Collector) -> None:
        self._exporter = exporter
        self._collector = collector
        self._complaints = _silenced()
        self._lost = 0
        self._dropped_before = 0
        self._quiet_until = 0.0
        self._has_given_up = False
        self.taken = 0
        self.in_hand = 0
        """Of those that were taken, how many are just being sent."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; called by the library's thread."""
        self.taken += len(spans)
        self.in_hand = len(spans)
        if self._has_given_up:
            return SpanExportResult.FAILURE
        self._complaints.first = None
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next batch may fare better
            self._complaints.note(str(error))
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self._succeeded()
        elif not self._has_given_up:
            self._failed(len(spans))
        self.in_hand = 0
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: no span waits here."""
        return self._exporter.force_flush(timeout_millis)

    def give_up(self) -> None:
        """Send nothing more; what is being sent may still arrive."""
        self._has_given_up = True
        self._exporter.shutdown()

    def _failed(self, count: int) -> None:
        if not self._lost:
            log.warning(
                "tracing.collector_unavailable",
                cause=(self._complaints.first or "it did not say why")[:300],
                consequence="spans are dropped until it takes them; deliveries go on",
            )
        self._lost += count

    def _succeeded(self) -> None:
        dropped = self._collector.dropped - self._dropped_before
        if self._lost:
            log.info("tracing.collector_available", spans_lost=self._lost + dropped)
        elif dropped and time.monotonic() < self._quiet_until:
            return  # it is told with the next ones
        elif dropped:
            log.warning("tracing.spans_dropped", count=dropped, cause="they come faster than the collector takes them")
            self._quiet_until = time.monotonic() + SAY_SECONDS
        self._lost, self._dropped_before = 0, self._collector.dropped


class _Complaints(logging.Handler):
    """Keeps the first thing that the library complained of, which has the cause, and writes no line for each try."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.note(record.getMessage())

    def note(self, complaint: str) -> None:
        """Keep it, if nothing was said before; of the collector's URL without its query, which may be a key."""
        self.first = self.first or _QUERY.sub("?…", complaint)


def _check_taken(response: requests.Response, *_: Any, **__: Any) -> None:  # noqa: ANN401 - for requests
    """Check that an answer does not lead elsewhere: the library follows it nowhere, and takes it for a success."""
    if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
        response.close()
        raise requests.HTTPError(
            f"It answered {response.status_code} and leads elsewhere: name where its spans are taken."
        )


def _silenced() -> _Complaints:
    complaints = _Complaints()
    library = logging.getLogger(_LIBRARY)
    library.handlers[:] = [complaints]
    library.propagate = False
    return complaints
