"""A collector: a real server for OTLP over HTTP in a thread, which decodes the spans that arrive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.server_in_thread import ServerInThread

PATH = "/v1/traces"


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids in hex, `kind` and `status` as the protocol's numbers have it in words."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    kind: str
    attributes: Mapping[str, Any]
    links: list[tuple[str, str]]
    began: int
    ended: int
    failed: bool
    message: str
    resource: Mapping[str, Any]


@dataclass
class Collector(ServerInThread):
    """Answers each request with `status`; a block's `with` runs it."""

    status: int = 200
    spans: list[Seen] = field(default_factory=list)
    requests: int = 0
    headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """What a process needs to send its spans here, soon."""
        return {"FLUX_TRACING": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def of(self, trace: str, *names: str) -> list[Seen]:
        """Return the spans of a trace in the order of their beginnings, of all names or of these."""
        found = [each for each in list(self.spans) if each.trace == trace and (not names or each.name in names)]
        return sorted(found, key=lambda each: each.began)

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post(PATH, self._receive)
        return application

    async def _receive(self, incoming: web.Request) -> web.Response:
        body = await incoming.read()
        self.requests += 1
        self.headers.append(incoming.headers)
        status = await self._unless_it_hangs(self.status)
        if status == 200:
            self.spans += _decoded(ExportTraceServiceRequest.FromString(body))
        return web.Response(status=status, body=b"", content_type="application/x-protobuf")


def _decoded(request: Any) -> list[Seen]:
    return [
        Seen(
            service=_values(group.resource.attributes)["service.name"],
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            attributes=_values(span.attributes),
            links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            began=span.start_time_unix_nano,
            ended=span.end_time_unix_nano,
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            message=span.status.message,
            resource=_values(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
