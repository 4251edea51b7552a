"""OpenTelemetry's own variables, checked before anything starts: its SDK would go on without what it cannot read."""

import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from config.settings import Settings, SettingsError

_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def is_wanted(settings: Settings, environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether this process is to trace: FLUX_TRACING says so, and OTEL_SDK_DISABLED does not forbid it."""
    return settings.tracing and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"


def check_tracing(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """Check what tracing needs, if it is wanted.

    Raises:
        SettingsError: OpenTelemetry is not installed, or one of its variables is wrong; it is named with its mend.
    """
    if not is_wanted(settings, environment):
        return
    if not all(_is_installed(each) for each in _NEEDED):
        raise SettingsError(
            "FLUX_TRACING needs OpenTelemetry, which is not installed: pip install 'flux-dispatch[tracing]'."
        )
    for name, check in _CHECKS.items():
        value = environment.get(name, "").strip()
        # an empty one is none
        if value and (mend := check(value)):
            raise SettingsError(f"{name} is wrong: {mend}")
    _check_sizes(environment)


def where_to(environment: Mapping[str, str] = os.environ) -> str:
    """Return where spans go, as far as a log may say it: without a password and a query."""
    parts = urlsplit(
        environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or "http://localhost:4318"
    )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _endpoint(value: str) -> str | None:
    mend = "it is written like http://collector:4318, where OTLP is taken over HTTP."
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        return mend
    return None if is_whole else mend


def _protocol(value: str) -> str | None:
    if value == "http/protobuf":
        return None
    return "only http/protobuf is spoken here. Leave it out, and name the port for HTTP (4318 as a rule, not 4317)."


def _compression(value: str) -> str | None:
    return None if value.lower() in {"none", "gzip", "deflate"} else "it is none, gzip or deflate."


def _seconds(value: str) -> str | None:
    try:
        is_duration = 0 < float(value) <= 3600  # noqa: PLR2004 - an hour; the mend says so
    except ValueError:
        is_duration = False
    return None if is_duration else "it is a number of seconds above 0, up to 3600."


def _file(value: str) -> str | None:
    try:
        with Path(value).open("rb"):
            return None
    except OSError as error:
        return f"{value[:200]} cannot be read ({error.strerror})."


def _count(value: str) -> str | None:
    return None if _COUNT.fullmatch(value) else "it is a whole number from 1 to 999999."


_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_OF_EXPORTER: Final[Mapping[str, Callable[[str], str | None]]] = {
    "ENDPOINT": _endpoint,
    "PROTOCOL": _protocol,
    "COMPRESSION": _compression,
    "TIMEOUT": _seconds,
    "CERTIFICATE": _file,
    "CLIENT_KEY": _file,
    "CLIENT_CERTIFICATE": _file,
}
_CHECKS: Final = {
    **{
        f"OTEL_EXPORTER_OTLP_{signal}{name}": check
        for name, check in _OF_EXPORTER.items()
        for signal in ("", "TRACES_")
    },
    "OTEL_BSP_SCHEDULE_DELAY": _count,
    "OTEL_BSP_MAX_QUEUE_SIZE": _count,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": _count,
}
"""What is wrong with the value of each variable, None if nothing is."""


def _check_sizes(environment: Mapping[str, str]) -> None:
    queue, batch = environment.get("OTEL_BSP_MAX_QUEUE_SIZE"), environment.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
    if queue and int(batch or 512) > int(queue):
        raise SettingsError(
            f"OTEL_BSP_MAX_QUEUE_SIZE is wrong: it is at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE, {batch or 512}."
        )
