"""Spans: each is recorded when what it tells of has ended, under ids that were known before it began."""

import random
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from flux_dispatch import __version__
from flux_dispatch.domain.ids import EventId
from flux_dispatch.domain.trace import TraceRatio, publish_span_id_of, trace_id_of
from workers.tracing.collector import Collector

MAX_LINKS: Final = 128
"""What the SDK's own spans hold as well; a batch may publish a thousand events."""

MAX_TEXT: Final = 256
"""Characters of an attribute whose text others write."""

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

_SCOPE: Final = InstrumentationScope("flux_dispatch", __version__)
_OK: Final = Status()


@dataclass(frozen=True, slots=True)
class Span:
    """What is recorded; times are nanoseconds since 1970 by this host's clock.

    `failure` is None where all went well, and says else why not; it may be empty where the attributes say enough.
    """

    name: str
    context: SpanContext
    kind: SpanKind
    began_ns: int
    ended_ns: int
    attributes: Attributes
    parent: SpanContext | None = None
    links: Sequence[SpanContext] = ()
    failure: str | None = None


@dataclass(slots=True)
class Cause:
    """What makes things happen at the moment, a request or a message; what it publishes is linked with it."""

    context: SpanContext
    published: list[SpanContext] = field(default_factory=list)


CAUSE: Final[ContextVar[Cause | None]] = ContextVar("cause", default=None)
"""That of the work in hand; it goes with a task, also from Celery's threads to the loop."""


class SpanRecorder:
    """Records the spans of one process.

    Args:
        collector: takes them.
        resource: says which process it is.
        ratio: which traces are recorded.
    """

    def __init__(self, collector: Collector, resource: Resource, ratio: TraceRatio) -> None:
        self._collector = collector
        self._resource = resource
        self._ratio = ratio

    def takes(self, event: EventId) -> bool:
        """Say whether the trace of this event is recorded."""
        return self._ratio.takes(trace_id_of(event))

    def cause(self, parent: SpanContext | None) -> Cause:
        """Return a cause that goes on with its caller's trace, as the caller has it recorded or not, or begins one."""
        if parent is not None:
            return Cause(context_of(parent.trace_id, new_span_id(), is_sampled=parent.trace_flags.sampled))
        trace_id = random.getrandbits(128) or 1
        return Cause(context_of(trace_id, new_span_id(), is_sampled=self._ratio.takes(trace_id)))

    def record(self, span: Span) -> None:
        """Have a span sent, if its trace is recorded; it never waits."""
        if not span.context.trace_flags.sampled:
            return
        failure = span.failure
        self._collector.add(
            ReadableSpan(
                span.name,
                span.context,
                span.parent,
                self._resource,
                span.attributes,
                links=[Link(each) for each in span.links[:MAX_LINKS]],
                kind=span.kind,
                status=_OK if failure is None else Status(StatusCode.ERROR, failure or None),
                start_time=span.began_ns,
                end_time=max(span.began_ns, span.ended_ns),
                instrumentation_scope=_SCOPE,
            )
        )


def context_of(trace_id: int, span_id: int, *, is_sampled: bool, is_remote: bool = False) -> SpanContext:
    """Return the ids of a span, with the word whether it is recorded."""
    return SpanContext(trace_id, span_id, is_remote, _SAMPLED if is_sampled else _UNSAMPLED)


def publish_context_of(event: EventId, *, is_sampled: bool) -> SpanContext:
    """Return the ids of the span of an event's publishing, the first one of its trace, whoever recorded it."""
    return context_of(trace_id_of(event), publish_span_id_of(event), is_sampled=is_sampled, is_remote=True)


def new_span_id() -> int:
    """Return the id of a span; no secret, and never zero."""
    return random.getrandbits(64) or 1


def text_of_others(text: object) -> str:
    """Return a text that others write as an attribute can hold it; half a surrogate pair would cost a whole batch."""
    return str(text)[:MAX_TEXT].encode(errors="replace").decode()


_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
