"""The settings: environment variables with the prefix FLUX_, checked as a whole before anything starts."""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from config.redis_url import read_redis_url

Network: TypeAlias = IPv4Network | IPv6Network
Networks: TypeAlias = tuple[Network, ...]

PREFIX = "FLUX_"

_SCHEMES = {"database_url": ("postgresql", "postgres", "postgresql+asyncpg")}
_SECRET = {"database_url", "redis_url", "flower_basic_auth", "api_key"}
"""Settings that hold a password: an error names them and does not show them."""


_HOST = r"[0-9a-fA-F.:]+"
_URL = rf"(?:tcp|udp|sctp)://\[?{_HOST}\]?:\d+"
_SERVICE_LINKS = tuple(
    (re.compile(rf"{PREFIX}(?:[A-Z0-9_]+_)?{name}"), re.compile(value))
    for name, value in (
        ("SERVICE_HOST", _HOST),
        (r"SERVICE_PORT(?:_[A-Z0-9_]+)?", r"\d+"),
        (r"PORT(?:_\d+_(?:TCP|UDP|SCTP))?", _URL),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_PROTO", "tcp|udp|sctp"),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_PORT", r"\d+"),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_ADDR", _HOST),
    )
)
"""What Kubernetes sets in every container for a service named flux, flux-api and the like: names and values."""


class SettingsError(Exception):
    """A setting is unknown or wrong; the message names it and says how to mend it, one line for each."""


class Settings(BaseModel):
    """Every setting; docs/configuration.md lists them, and a test keeps that list whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".flux"), description="Where `flux up` keeps its database, keys and up.json.")
    database_url: str | None = Field(
        None, description="PostgreSQL 14 or later, as postgresql://user:password@host/db.", repr=False
    )
    redis_url: str | None = Field(
        None, description="The broker, as redis://:password@host:6379/0; also rediss, unix, sentinel.", repr=False
    )

    api_host: str = Field("127.0.0.1", description="The address that the API listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="The port of the API; 0 takes a free one.")
    flower_host: str = Field("127.0.0.1", description="The address that Flower listens on.")
    flower_port: int = Field(5555, ge=0, le=65535, description="The port of Flower; 0 takes a free one.")
    flower_basic_auth: str | None = Field(
        None, description="user:password for Flower; `flux flower` needs it.", repr=False
    )

    retry_delays: tuple[float, ...] = Field(
        (0, 60, 300, 1800, 7200),
        min_length=1,
        max_length=20,
        description="Seconds before each attempt, the first one's first; as many attempts as there are values.",
    )
    delivery_timeout: float = Field(
        15, gt=0, le=60, description="Seconds that one attempt may take, from connecting to the last byte read."
    )
    endpoint_concurrency: int = Field(
        32, ge=1, le=1000, description="How many POSTs one worker process has under way to one webhook."
    )
    allow_networks: Networks = Field(
        (), description="CIDRs, comma-separated, that may be reached though they are private."
    )
    deny_networks: Networks = Field((), description="CIDRs that may not be reached though they are public.")
    require_https: bool = Field(default=True, description="Refuse webhooks whose URL is http://.")

    webhooks_per_account: int = Field(
        500, ge=1, le=100_000, description="How many webhooks an account may have; each event may go to all of them."
    )

    max_body_bytes: int = Field(262_144, ge=1024, le=10_485_760, description="The largest request body the API takes.")
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level logged.")

    api_url: str | None = Field(None, description="Client commands: where the API is.")
    api_key: str | None = Field(None, description="Client commands: the API key to use.", repr=False)

    @field_validator("home", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # the directory that one happens to stand in is no place for a database
        return value or Path(".flux")

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _split_delays(cls, value: object) -> object:
        return _split(value) if isinstance(value, str) else value

    @field_validator("retry_delays")
    @classmethod
    def _check_delays(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= delay <= 604_800 for delay in value):  # noqa: PLR2004 - the bound is explained in the message
            message = "each delay is a number of seconds from 0 to 604800 (a week)"
            raise ValueError(message)
        return value

    @field_validator("allow_networks", "deny_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(_network(each) for each in _split(value)) if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str | None) -> str | None:
        if value:
            read_redis_url(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_scheme(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = _SCHEMES[str(info.field_name)]
        # an empty one is none: that is how compose files leave a setting out
        if value and value.partition("://")[0] not in known:
            message = f"it begins with {known[0]}://"
            raise ValueError(message)
        return value

    def need_database_url(self) -> str:
        """Return the database's URL.

        Raises:
            SettingsError: it is not set.
        """
        if not self.database_url:
            message = (
                "FLUX_DATABASE_URL is not set. Give it as postgresql://user:password@host/db, "
                "or run `flux up`, which brings its own server."
            )
            raise SettingsError(message)
        return self.database_url

    def need_redis_url(self) -> str:
        """Return the broker's URL.

        Raises:
            SettingsError: it is not set.
        """
        if not self.redis_url:
            message = (
                "FLUX_REDIS_URL is not set. Give it as redis://host:6379/0, or run `flux up`, which brings its own."
            )
            raise SettingsError(message)
        return self.redis_url


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this environment (default: the process's).

    Raises:
        SettingsError: a variable with our prefix is unknown, or a value is wrong.
    """
    variables = os.environ if environment is None else environment
    links = service_links(variables)
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name not in links
    }
    unknown = [_unknown(name) for name in given if name not in Settings.model_fields]
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("\n".join(_wrong(each) for each in error.errors())) from None


def service_links(environment: Mapping[str, str]) -> list[str]:
    """Return the names of variables that begin like settings and are none: Kubernetes names its services so.

    They are known by their form. One that has the name of a setting (FLUX_API_PORT, for a service named flux-api) is
    known by its value; a container's own environment goes before such links, so nothing of the operator's is lost.
    """
    return [
        name
        for name, value in environment.items()
        if name.startswith(PREFIX)
        and any(form.fullmatch(name) and content.fullmatch(value) for form, content in _SERVICE_LINKS)
    ]


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        message = f"{error}; a network is written like 10.0.0.0/8 or fd00::/8"
        raise ValueError(message) from None


def _unknown(name: str) -> str:
    line = f"{PREFIX}{name.upper()} is not a setting."
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    if close:
        line += f" Did you mean {PREFIX}{close[0].upper()}?"
    return line + " docs/configuration.md lists them all."


def _wrong(error: Mapping[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "?"
    shown = "" if name in _SECRET else f" = {error['input']!r}"
    return f"{PREFIX}{name.upper()}{shown} is wrong: {str(error['msg']).removeprefix('Value error, ')}."
