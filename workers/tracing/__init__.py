"""Traces: what wraps the parts that are traced, where tracing is on; the only room that knows OpenTelemetry."""
