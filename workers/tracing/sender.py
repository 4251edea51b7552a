"""The traced sender: each attempt is a span of its event's trace, whichever process makes it, and however late."""

import time
from contextlib import suppress
from typing import Final, assert_never

from opentelemetry.trace import SpanContext, SpanKind, format_span_id, format_trace_id

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.outcome import NoResponse, Outcome, Rejected, Succeeded, Unsent, to_record
from flux_dispatch.domain.phases import Phase
from flux_dispatch.engine.deliver import Sender
from flux_dispatch.http.target import target_of
from workers.tracing.spans import Attributes, Span, SpanRecorder, context_of, new_span_id, publish_context_of

HEADER: Final = "traceparent"


class TracedSender:
    """Sends, and records what came of it; of a POST that could not begin nothing is recorded, for it is no attempt.

    Args:
        sender: POSTs.
        recorder: takes the spans.
        tells_receivers: whether a POST carries the ids of its attempt, also where its trace is not recorded.
    """

    def __init__(self, sender: Sender, recorder: SpanRecorder, *, tells_receivers: bool) -> None:
        self._sender = sender
        self._recorder = recorder
        self._tells_receivers = tells_receivers

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
        """POST one delivery, signed with this time (unix seconds); never raises."""
        is_sampled = self._recorder.takes(claim.event)
        if not (is_sampled or self._tells_receivers):
            return await self._sender.send(claim, timestamp)
        published = publish_context_of(claim.event, is_sampled=is_sampled)
        context = context_of(published.trace_id, new_span_id(), is_sampled=is_sampled)
        sent = with_header(claim, context) if self._tells_receivers else claim
        began_ns, began = time.time_ns(), time.perf_counter_ns()
        outcome = await self._sender.send(sent, timestamp)
        if is_sampled and not isinstance(outcome, Unsent):
            ended_ns = began_ns + time.perf_counter_ns() - began
            attributes, failure = _attributes(claim, outcome), _failure(outcome)
            attempt = Span("POST", context, SpanKind.CLIENT, began_ns, ended_ns, attributes, published, failure=failure)
            self._recorder.record(attempt)
            self._record_phases(attempt, outcome)
        return outcome

    def _record_phases(self, attempt: Span, outcome: Outcome) -> None:
        """Record where the time of an attempt went, as far as it is known: of a quick success it is not."""
        began_ns = attempt.began_ns
        for phase in Phase:
            if (seconds := getattr(outcome.phases, phase)) is not None:
                ended_ns = began_ns + round(seconds * 1e9)
                context = context_of(attempt.context.trace_id, new_span_id(), is_sampled=True)
                self._recorder.record(
                    Span(phase, context, SpanKind.INTERNAL, began_ns, ended_ns, _NONE, parent=attempt.context)
                )
                began_ns = ended_ns


def with_header(claim: Claim, context: SpanContext) -> Claim:
    """Return a claim whose POST carries the ids of its attempt (W3C Trace Context); a webhook's own header stays."""
    if any(name.lower() == HEADER for name in claim.headers):
        return claim
    ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
    return claim._replace(headers={**claim.headers, HEADER: f"00-{ids}-{context.trace_flags:02x}"})


def _attributes(claim: Claim, outcome: Outcome) -> Attributes:
    """Return what is known of an attempt; of its URL only the host, for its path and query may be keys.

    Each costs the encoding some three microseconds, so there are no more than somebody asks for.
    """
    attributes: dict[str, str | int | float | bool] = {
        "http.request.method": "POST",
        "flux.account.id": claim.account,
        "flux.webhook.id": claim.webhook,
        "flux.delivery.id": claim.delivery,
        "flux.attempt.number": claim.attempt,
        # how long it had been due when a worker took it, in the queue or behind others
        "flux.attempt.late_seconds": round(max(-claim.wait_seconds, 0.0), 3),
    }
    with suppress(ValueError):  # a URL that no POST can be sent to either
        place = target_of(claim.url).place
        attributes |= {"server.address": place.host or "", "server.port": place.port or 0}
    if claim.attempt > 1:
        attributes["http.request.resend_count"] = claim.attempt - 1
    record = to_record(outcome)
    if record.status is not None:
        attributes["http.response.status_code"] = record.status
    if record.error is not None:
        attributes["error.type"] = str(record.status) if isinstance(outcome, Rejected) else record.error
    return attributes


def _failure(outcome: Outcome) -> str | None:
    """Return why an attempt failed, None if it did not; of an answer its status says so, and its body may be secret."""
    match outcome:
        case Succeeded():
            return None
        case Rejected():
            return ""
        case NoResponse():
            return outcome.detail
        case _:
            assert_never(outcome)


_NONE: Final[Attributes] = {}
