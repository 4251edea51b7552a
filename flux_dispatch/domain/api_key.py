"""API keys: what one looks like, what it may do, and how it is recognised without being kept."""

import hashlib
import re
from binascii import crc32
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from flux_dispatch.domain.audit_entry import Actor, ActorKind
from flux_dispatch.domain.errors import BeyondOwnKey, Forbidden, InvalidRequest
from flux_dispatch.domain.ids import AccountId, ApiKeyId
from flux_dispatch.domain.text import validate_text

PREFIX: Final = "sk_live_"
RANDOM_CHARACTERS: Final = 32
CHECKSUM_CHARACTERS: Final = 6
MAX_NAME_LENGTH: Final = 100
MAX_PER_SECOND: Final = 1_000_000
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Bound = TypeVar("Bound", int, datetime)


class Scope(StrEnum):
    """What a key may do; `admin` may do everything."""

    EVENTS_WRITE = "events:write"
    WEBHOOKS_WRITE = "webhooks:write"
    EVENT_TYPES_WRITE = "event_types:write"
    READ = "read"
    AUDIT_LOG_READ = "audit_log:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a key may ask for in a second, on the average of a few; None: as much as it likes."""

    events_per_second: int | None = None
    requests_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What a key shall be; every field has been checked."""

    scopes: tuple[str, ...]
    name: str = ""
    expires_at: datetime | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored; `account` is None for a platform key, which acts for any account.

    `last4` is its end, and `last_used_at` is true to the minute.
    """

    id: ApiKeyId
    account: AccountId | None
    scopes: tuple[str, ...]
    last4: str
    created_at: datetime
    revoked_at: datetime | None
    name: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    limits: Limits = Limits()

    @property
    def label(self) -> str:
        """What people know it by: its name, how it begins and how it ends."""
        return f"{self.name} {PREFIX}…{self.last4}".lstrip()

    @property
    def actor(self) -> Actor:
        """Whoever acts with it."""
        return Actor(ActorKind.API_KEY if self.account else ActorKind.PLATFORM_KEY, api_key=self.id, name=self.label)

    def may(self, scope: Scope) -> bool:
        """Say whether the key covers a call of this scope."""
        return covers(self.scopes, scope)

    def pass_on(self, wanted: NewApiKey) -> NewApiKey:
        """Return the key that this one may make: what was not said is as with itself.

        Raises:
            Forbidden: it would have a scope that this one lacks.
            BeyondOwnKey: it would last longer, or might ask for more.
        """
        for scope in wanted.scopes:
            if not self.may(Scope(scope)):
                raise Forbidden(f"This API key lacks the scope {scope}, so it cannot give it to another.")
        return NewApiKey(
            scopes=wanted.scopes,
            name=wanted.name,
            expires_at=_within(self.expires_at, wanted.expires_at, "expires_at"),
            limits=Limits(
                _within(self.limits.events_per_second, wanted.limits.events_per_second, "events_per_second"),
                _within(self.limits.requests_per_second, wanted.limits.requests_per_second, "requests_per_second"),
            ),
        )


def covers(scopes: Collection[str], scope: Scope) -> bool:
    """Say whether whoever has these scopes may make a call of that one."""
    return scope in scopes or Scope.ADMIN in scopes


def validate_new_api_key(*, scopes: Sequence[str], name: str, expires_at: datetime | None, limits: Limits) -> NewApiKey:
    """Return what a key shall be, each scope once.

    Raises:
        InvalidRequest: a value is not what it must be; `param` names it.
    """
    if not scopes:
        raise InvalidRequest(f"Name at least one scope of {', '.join(Scope)}.", param="scopes")
    for index, scope in enumerate(scopes):
        if scope not in set(Scope):
            message = f"{scope[:60]!r} is not a scope. There are: {', '.join(Scope)}."
            raise InvalidRequest(message, param=f"scopes[{index}]")
    validate_text(name, "name", most=MAX_NAME_LENGTH, least=0)
    for param in ("events_per_second", "requests_per_second"):
        limit = getattr(limits, param)
        if limit is not None and not 1 <= limit <= MAX_PER_SECOND:
            raise InvalidRequest(f"{param} is a number from 1 to {MAX_PER_SECOND}.", param=param)
    return NewApiKey(tuple(dict.fromkeys(scopes)), name, expires_at, limits)


def encode_api_key(random: bytes) -> str:
    """Return the key that 24 random bytes make: 32 characters, then a checksum that shows a mistyped key as such."""
    body = _base62(int.from_bytes(random, "big"), RANDOM_CHARACTERS)
    return f"{PREFIX}{body}{_checksum(body)}"


def is_well_formed(key: str) -> bool:
    """Say whether this text can be a key, its checksum included."""
    match = _KEY.fullmatch(key)
    return match is not None and match["checksum"] == _checksum(match["body"])


def digest(key: str) -> bytes:
    """Return what is stored of a key. It holds 190 random bits, so a slow hash would guard nothing more."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _within(own: Bound | None, wanted: Bound | None, param: str) -> Bound | None:
    if own is None:
        return wanted
    if wanted is not None and wanted > own:
        message = f"This API key has {param} {own}, and can give another no more than that."
        raise BeyondOwnKey(message, param=param)
    return own if wanted is None else wanted


_KEY = re.compile(r"sk_live_(?P<body>[0-9A-Za-z]{32})(?P<checksum>[0-9A-Za-z]{6})", re.ASCII)
