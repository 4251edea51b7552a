"""API keys: what one looks like, what it may do, and how it is recognised without being kept."""

import hashlib
import re
from binascii import crc32
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from flux_dispatch.domain.ids import AccountId

PREFIX: Final = "sk_live_"
RANDOM_CHARACTERS: Final = 32
CHECKSUM_CHARACTERS: Final = 6
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Scope(StrEnum):
    """What a key may do; `admin` may do everything."""

    EVENTS_WRITE = "events:write"
    WEBHOOKS_WRITE = "webhooks:write"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored; `account` is None for a platform key, which acts for any account. `last4` is its end."""

    id: str
    account: AccountId | None
    scopes: tuple[str, ...]
    last4: str
    created_at: datetime
    revoked_at: datetime | None

    def may(self, scope: Scope) -> bool:
        """Say whether the key covers a call of this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


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


_KEY = re.compile(r"sk_live_(?P<body>[0-9A-Za-z]{32})(?P<checksum>[0-9A-Za-z]{6})", re.ASCII)
