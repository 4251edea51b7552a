"""OpenTelemetry's own variables, checked before anything starts: its SDK would go on without what it cannot read."""

import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from config.settings import Settings, SettingsError

MAX_WAITING: Final = 4096
"""Spans that wait for the collector in one process, of about two kilobytes each; OTEL_BSP_MAX_QUEUE_SIZE sets another
number. What comes beyond them is dropped."""

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
        value = environment.get(name, "")
        # an empty one is none
        if value.strip() and (mend := check(value)):
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
        # it is used as it stands, with what comes behind it
        is_whole = is_whole and not any(each.isspace() for each in value)
    except ValueError:  # a port or an address that is none
        return mend
    return None if is_whole else mend


def _protocol(value: str) -> str | None:
    if value.strip() == "http/protobuf":
        return None
    return "only http/protobuf is spoken here. Leave it out, and name the port for HTTP (4318 as a rule, not 4317)."


def _compression(value: str) -> str | None:
    return None if value.strip().lower() in {"none", "gzip", "deflate"} else "it is none, gzip or deflate."


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
    return None if _COUNT.fullmatch(value.strip()) else "it is a whole number from 1 to 999999."


def _headers(value: str) -> str | None:
    """Check headers: the SDK would log a wrong one and go on; as a rule it is a key, so it is not repeated here."""
    for pair in value.split(","):
        name, _, text = pair.partition("=")
        decoded = unquote(text).strip()
        is_header = _HEADER.fullmatch(pair) and _TOKEN.fullmatch(unquote(name).strip())
        if pair.strip() and not (is_header and decoded.isascii() and decoded.isprintable()):
            return (
                "it is written like authorization=Bearer%20KEY, with a comma between several, and %2C for one within."
            )
    return None


def _resource_attributes(value: str) -> str | None:
    if all(pair.partition("=")[0].strip() and "=" in pair for pair in value.split(",") if pair.strip()):
        return None
    return "it is written like deployment.environment.name=production, with a comma between several."


_HEADER: Final = re.compile(r"[ \t]*[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[\t !#-+\--:<-\[\]-~]*", re.ASCII)
"""A pair as OpenTelemetry's SDK reads it: no quotes, semicolons or backslashes."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""The name of a header (RFC 9110)."""

_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_OF_EXPORTER: Final[Mapping[str, Callable[[str], str | None]]] = {
    "ENDPOINT": _endpoint,
    "PROTOCOL": _protocol,
    "COMPRESSION": _compression,
    "TIMEOUT": _seconds,
    "HEADERS": _headers,
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
    "OTEL_RESOURCE_ATTRIBUTES": _resource_attributes,
    "OTEL_BSP_SCHEDULE_DELAY": _count,
    "OTEL_BSP_MAX_QUEUE_SIZE": _count,
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": _count,
}
"""What is wrong with the value of each variable, None if nothing is."""


def _check_sizes(environment: Mapping[str, str]) -> None:
    given = {name: environment.get(f"OTEL_BSP_MAX_{name}", "").strip() for name in ("QUEUE_SIZE", "EXPORT_BATCH_SIZE")}
    queue, batch = int(given["QUEUE_SIZE"] or MAX_WAITING), int(given["EXPORT_BATCH_SIZE"] or 512)
    if batch <= queue:
        return
    if not given["QUEUE_SIZE"]:
        raise SettingsError(
            f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE is wrong: it is at most OTEL_BSP_MAX_QUEUE_SIZE, {queue} unless given."
        )
    raise SettingsError(f"OTEL_BSP_MAX_QUEUE_SIZE is wrong: it is at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE, {batch}.")
