"""Reads a PostgreSQL URL as hosters write it: libpq's parameters, as far as the driver and we can follow them.

They stand in https://www.postgresql.org/docs/current/libpq-connect.html. What steers a connection is done, what has no
meaning for us is dropped, and what would promise more than the driver keeps is refused by its name.
"""

import os
import re
import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

CONNECT_SECONDS: Final = 5.0
"""How long one try to connect may take, unless the URL says otherwise."""


class BadUrl(ValueError):
    """The URL cannot be used as it is; the message names the parameter and what to do, and quotes no password."""


@dataclass(frozen=True, slots=True)
class Alive:
    """How the kernel finds out that the other end is gone: seconds, and a count; None leaves its own default.

    A host that vanishes says nothing. An idle connection to it ends after idle + interval * count, one that waits for
    an answer after `unanswered`.
    """

    is_asked: bool = True
    idle: int | None = 10
    interval: int | None = 3
    count: int | None = 3
    unanswered: float | None = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the database is: `asyncpg.connect(dsn, **arguments)` for one host after the other."""

    dsns: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """What the URL itself sets for each session."""
    startup: dict[str, str] = field(default_factory=dict)
    """What is said when a session begins and cannot be set later."""
    connect_seconds: float = CONNECT_SECONDS
    alive: Alive = field(default_factory=Alive)


def read_url(url: str) -> Target:
    """Return what the URL says.

    Several hosts mean the one that takes writes, unless `target_session_attrs` says otherwise.

    Raises:
        BadUrl: a parameter cannot be followed.
        ValueError: the URL is not understood at all.
    """
    forget_foreign_settings()
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    # libpq takes JDBC's word for it, too
    if given.pop("ssl", None) == "true":
        given.setdefault("sslmode", "require")
    for name in [name for name in given if given[name] == "" or _is_meaningless(name, given[name])]:
        del given[name]
    for name in given.keys() & _REFUSED.keys():
        raise BadUrl(f"FLUX_DATABASE_URL: {name}={given[name]} cannot be kept: {_REFUSED[name]}")
    arguments: dict[str, Any] = {}
    _read_tls(given, arguments)
    seconds = _seconds(given, "connect_timeout")
    alive = _read_alive(given)
    startup = {"application_name": _application(given)}
    settings = _read_options(given, startup)
    settings |= {name: given.pop(name) for name in given.keys() - _OF_DRIVER}
    hosts = _each_host(parts.netloc, given)
    if len(hosts) > 1 and "target_session_attrs" not in given:
        arguments["target_session_attrs"] = "read-write"
    beginning = f"{parts.scheme.partition('+')[0]}://"
    dsns = [f"{beginning}{netloc}{parts.path}" + _query(rest) for netloc, rest in hosts]
    return Target(tuple(dsns), arguments, settings, startup, CONNECT_SECONDS if seconds is None else seconds, alive)


def _query(given: dict[str, str]) -> str:
    return "?" + urlencode(given, quote_via=quote, safe="/") if given else ""


def forget_foreign_settings() -> None:
    """Take libpq's variables out of this process's environment.

    Where the URL is silent the driver asks them, and nothing tells it not to: another database's PGHOST, PGSSLMODE or
    PGSSLCERT would steer us.
    """
    for name in _VARIABLES:
        os.environ.pop(name, None)


_VARIABLES = (
    *("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE"),
    *("PGSSLMODE", "PGSSLNEGOTIATION", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCERT", "PGSSLKEY"),
    *("PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGTARGETSESSIONATTRS", "PGKRBSRVNAME", "PGGSSLIB"),
)

_OF_DRIVER = frozenset(
    {
        *("host", "port", "dbname", "database", "user", "password", "passfile", "service"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib"),
    }
)
"""Parameters that asyncpg follows. What nobody here knows goes to the server as a setting of the session."""

_MEANINGLESS: dict[str, frozenset[str] | None] = {
    # what libpq does with these values is what we do, or nothing that is noticed; None: whatever the value
    "channel_binding": frozenset({"disable", "prefer"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "sslcertmode": frozenset({"allow"}),
    **dict.fromkeys(("sslcompression", "sslsni", "gssdelegation", "load_balance_hosts", "client_encoding")),
    **dict.fromkeys(("min_protocol_version", "max_protocol_version", "tty")),
    # for other drivers and poolers; a pooler is noticed without being told
    **dict.fromkeys(("pgbouncer", "connection_limit", "pool_timeout", "statement_cache_size")),
    **dict.fromkeys(("prepared_statement_cache_size", "command_timeout", "prepareThreshold")),
}

_REFUSED = {
    "channel_binding": "the driver does not bind to the TLS channel. Leave it out; sslmode=verify-full with "
    "sslrootcert=system (or the hoster's certificate) protects as well.",
    "gssencmode": "the driver encrypts with TLS only. Leave it out and use sslmode.",
    "sslcertmode": "leave it out, and sslcert too if no certificate is to be sent.",
    "require_auth": "the driver cannot limit how the server asks for the password. Leave it out.",
    "requirepeer": "the driver does not check whose socket it is. Leave it out.",
    "hostaddr": "leave it out and give the address or the name as host.",
    "replication": "this is no replication client. Leave it out.",
    "servicefile": "leave it out and write what the service says into the URL.",
    "requiressl": "leave it out and write sslmode=require.",
    "schema": "leave it out and write options=-csearch_path%3D… instead.",
}


def _is_meaningless(name: str, value: str) -> bool:
    if name not in _MEANINGLESS:
        return False
    values = _MEANINGLESS[name]
    return values is None or value in values


_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _read_tls(given: dict[str, str], arguments: dict[str, Any]) -> None:
    mode = given.get("sslmode")
    if mode is not None and mode not in _SSL_MODES:
        raise BadUrl(f"FLUX_DATABASE_URL: sslmode={mode} is unknown. There are: {', '.join(_SSL_MODES)}.")
    if given.get("sslrootcert") == "system":
        # as in libpq: the authorities that this machine trusts, and then nothing less than the full check
        if mode not in {None, "verify-full"}:
            raise BadUrl(f"FLUX_DATABASE_URL: sslrootcert=system needs sslmode=verify-full, not {mode}.")
        del given["sslrootcert"]
        given.pop("sslmode", None)
        arguments["ssl"] = _system_context(given)
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if name in given and not os.access(given[name], os.R_OK):
            raise BadUrl(f"FLUX_DATABASE_URL: the file {given[name]} that {name} names cannot be read.")


def _system_context(given: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    certificate, key, password = (given.pop(name, None) for name in ("sslcert", "sslkey", "sslpassword"))
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password)
        except OSError as error:
            raise BadUrl(f"FLUX_DATABASE_URL: sslcert or sslkey cannot be used: {error.strerror or error}.") from None
    return context


def _read_alive(given: dict[str, str]) -> Alive:
    """Return libpq's parameters of the same names; there, 0 means the kernel's own default."""
    ours = Alive()
    is_asked = given.pop("keepalives", "1") != "0"
    idle = _seconds(given, "keepalives_idle")
    interval = _seconds(given, "keepalives_interval")
    count = _seconds(given, "keepalives_count")
    milliseconds = _seconds(given, "tcp_user_timeout")
    return Alive(
        is_asked,
        ours.idle if idle is None else int(idle) or None,
        ours.interval if interval is None else int(interval) or None,
        ours.count if count is None else int(count) or None,
        ours.unanswered if milliseconds is None else milliseconds / 1000 or None,
    )


def _seconds(given: dict[str, str], name: str) -> float | None:
    """Take out a whole number; None where there is none, and where libpq waits without end."""
    text = given.pop(name, None)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise BadUrl(f"FLUX_DATABASE_URL: {name}={text} is not a whole number.") from None
    if name == "connect_timeout":
        return max(number, 2) if number > 0 else None  # as in libpq: less than two seconds is two
    return max(number, 0)


def _application(given: dict[str, str]) -> str:
    fallback = given.pop("fallback_application_name", "flux-dispatch")
    return given.pop("application_name", fallback)


def _read_options(given: dict[str, str], startup: dict[str, str]) -> dict[str, str]:
    """Return the settings that `options` makes (`-c name=value`); in any other form it is left to the server."""
    words = re.sub(r"(^|\s)-c\s*", r"\1--", given.pop("options", "")).split()
    if not all(word.startswith("--") and "=" in word for word in words):
        startup["options"] = " ".join(words)
        return {}
    pairs = (word.removeprefix("--").partition("=") for word in words)
    return {name.replace("-", "_"): value for name, _, value in pairs}


def _each_host(netloc: str, given: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Split a list of hosts: the driver would give the first one all the time there is, dead or not."""
    login, at, hosts = netloc.rpartition("@")
    if hosts:
        return [(login + at + host, given) for host in hosts.split(",")]
    several = given.get("host", "").split(",")
    ports = given.get("port", "").split(",")
    if len(several) == 1:
        return [(netloc, given)]
    if len(ports) == 1:
        ports *= len(several)
    if len(ports) != len(several):
        raise BadUrl(f"FLUX_DATABASE_URL: {len(ports)} ports do not fit {len(several)} hosts.")
    each = [{"host": host} | ({"port": port} if port else {}) for host, port in zip(several, ports, strict=True)]
    rest = {name: value for name, value in given.items() if name not in {"host", "port"}}
    return [(netloc, rest | one) for one in each]
