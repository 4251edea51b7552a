"""Settings: traces for OpenTelemetry."""

from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator


class TracingSettings(BaseModel):
    """Traces; where they go is said by OpenTelemetry's own variables, OTEL_EXPORTER_OTLP_ENDPOINT and the like."""

    tracing: bool = Field(
        default=False,
        description="Send traces of events and their attempts to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.",
    )
    tracing_ratio: float = Field(
        1, ge=0, le=1, description="Which part of the traces is recorded; the same value for every process."
    )
    tracing_to_receivers: bool = Field(
        default=False, description="With FLUX_TRACING: send receivers a traceparent header that names the attempt."
    )
    trace_url: str | None = Field(
        None,
        description="Where a trace is looked at, as in http://jaeger:16686/trace/{trace}; operators find the link on "
        "the page of an event.",
    )

    @field_validator("trace_url")
    @classmethod
    def _check_trace_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        message = "it is written like http://jaeger:16686/trace/{trace}, with {trace} where the id comes"
        try:
            parts = urlsplit(value)
            is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port or an address that is none
            raise ValueError(message) from None
        if not is_whole or "{trace}" not in value:
            raise ValueError(message)
        return value
