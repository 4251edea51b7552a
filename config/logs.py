"""Logs: one wide line for each thing that happened, for people (console) or machines (json), on standard output."""

import logging
import sys
from typing import Any, Literal, TextIO, cast

import structlog

from config.output import LastingOutput, make_output_safe

_NOISY = {
    # their INFO repeats for each task what our own lines say for each delivery
    "celery.worker.strategy": logging.WARNING,
    # and its WARNING, with a traceback, that a task put its message back because the worker ends
    "celery.app.trace": logging.ERROR,
    "celery.beat": logging.WARNING,
    "celery.worker.consumer.mingle": logging.WARNING,
    "celery.worker.consumer.connection": logging.WARNING,
    "kombu": logging.WARNING,
    "alembic": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    # has the whole URL of the collector of traces in its lines, keys included, and writes one for each odd answer
    "urllib3": logging.ERROR,
    # logs a traceback for whatever is not HTTP, which anybody may send
    "aiohttp.server": logging.CRITICAL,
}


def set_up_logs(log_format: Literal["console", "json"], level: str) -> None:
    """Send our own events and the standard library's records to standard output, in the same form."""
    make_output_safe()
    output = LastingOutput(sys.stdout)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _ask_for_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if log_format == "json" else _local_time(),
    ]
    renderer = _renderer(log_format)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, output)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(max(least, threshold))


def _ask_for_request(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Put in the name of the request that the line belongs to, where it is bound as a question; one may be over."""
    ask = event.get("request_id")
    if callable(ask):
        event["request_id"] = ask()
        if event["request_id"] is None:
            del event["request_id"]
    return event


def _local_time() -> structlog.types.Processor:
    return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)


def _renderer(log_format: str) -> list[Any]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer()]
    return [_without_none, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=24, sort_keys=False)]


def _without_none(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Leave out what is not there: a person reads the line sooner."""
    return {name: value for name, value in event.items() if value is not None}
