"""What FLUX_REDIS_URL means: read here once, for Celery, Flower, the API, and the commands alike."""

import re
import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SCHEMES: Final = ("redis", "rediss", "unix", "redis+socket", "sentinel")
SENTINEL_PORT: Final = 26379

_WRITTEN: Final = (
    "it is written redis://:password@host:6379/0, rediss://… for TLS, unix:///path/to/redis.sock?db=0, or "
    "sentinel://:password@host1:26379,host2:26379/0?master=mymaster; special characters of a password as %XX"
)
_TLS: Final = {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
_REQUIREMENTS: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """The broker in Celery's words: its URL, what goes into `broker_transport_options`, and `broker_use_ssl`."""

    url: str = field(repr=False)
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    tls: dict[str, Any] | None = None


def read_redis_url(text: str) -> RedisUrl:
    """Return what the URL means.

    Raises:
        ValueError: it is none of ours; the message says how it is written, and never shows it: it may hold a password.
    """
    scheme = text.partition("://")[0]
    if scheme not in SCHEMES:
        raise ValueError(_WRITTEN)
    # kombu's own way to write several
    text = text.replace(";sentinel://", ",")
    try:
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(_WRITTEN) from None
    read = {"unix": _socket, "redis+socket": _socket, "sentinel": _sentinel}.get(scheme, _server)
    return read(parts, query)


def _server(parts: SplitResult, query: dict[str, str]) -> RedisUrl:
    host, port = _address(parts.netloc.rpartition("@")[2], 6379)
    tls: dict[str, Any] | None = None
    if parts.scheme == "rediss":
        tls = {name: query.pop(name) for name in _TLS & query.keys()}
        tls["ssl_cert_reqs"] = _requirement(tls.get("ssl_cert_reqs", "required"))
        if "ssl_check_hostname" in tls:
            tls["ssl_check_hostname"] = tls["ssl_check_hostname"].lower() not in {"false", "0", "no"}
    database = query.pop("db", "") or parts.path.strip("/") or "0"
    _nothing_else(query)
    return RedisUrl(f"{parts.scheme}://{_credentials(parts)}{host}:{port}/{_number(database)}", tls=tls)


def _socket(parts: SplitResult, query: dict[str, str]) -> RedisUrl:
    if parts.netloc.rpartition("@")[2] or len(parts.path) <= 1:
        raise ValueError("the path of a socket begins with a slash: unix:///path/to/redis.sock?db=0")
    database = query.pop("db", "") or query.pop("virtual_host", "") or "0"
    password = quote(query.pop("password", ""), safe="")
    _nothing_else(query)
    credentials = _credentials(parts) or (f":{password}@" if password else "")
    return RedisUrl(f"redis+socket://{credentials}{parts.path}?virtual_host={_number(database)}")


def _sentinel(parts: SplitResult, query: dict[str, str]) -> RedisUrl:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    hosts = [_address(each, SENTINEL_PORT) for each in parts.netloc.rpartition("@")[2].split(",")]
    master = query.pop("master", "") or query.pop("master_name", "")
    if not master:
        raise ValueError("a sentinel:// URL names the master that the sentinels watch: …/0?master=mymaster")
    known = {"sentinel_username": "username", "sentinel_password": "password"}
    theirs = {known[name]: query.pop(name) for name in known.keys() & query.keys()}
    database = _number(query.pop("db", "") or parts.path.strip("/") or "0")
    _nothing_else(query)
    url = ";".join(f"sentinel://{_credentials(parts)}{host}:{port}/{database}" for host, port in hosts)
    # one that is unavailable is left for the next at once, not asked ten times over seconds
    limits = {"socket_timeout": 2, "socket_connect_timeout": 2, "retry": Retry(NoBackoff(), 0)}
    return RedisUrl(url, {"master_name": master, "sentinel_kwargs": limits | theirs})


def _credentials(parts: SplitResult) -> str:
    """Return user and password as they stand, every special character as %XX."""
    given, at, _ = parts.netloc.rpartition("@")
    user, colon, password = given.partition(":")
    return quote(unquote(user), safe="") + colon + quote(unquote(password), safe="") + at


def _address(text: str, usual_port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/\s]*)(?::([0-9]{1,5}))?", text.strip())
    if found is None:
        raise ValueError(_WRITTEN)
    return found[1] or "127.0.0.1", int(found[2] or usual_port)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("the Redis database is a number, as in redis://host:6379/0")
    return int(text)


def _requirement(text: str) -> ssl.VerifyMode:
    requirement = _REQUIREMENTS.get(text.lower().removeprefix("cert_"))
    if requirement is None:
        raise ValueError(f"ssl_cert_reqs is one of {', '.join(_REQUIREMENTS)}")
    return requirement


def _nothing_else(query: dict[str, str]) -> None:
    if query:
        raise ValueError(f"there is no parameter {min(query)[:40]!r}; leave it out")
