"""The keyring: seals a text under its newest key, bound to its place, and opens what any of its keys has sealed.

A sealed value is one byte for this form, four that name the key, a nonce of twelve, and what AES-256-GCM made of the
text. The place (table, column and row) and the name of the key are its associated data: moved to another row or
column it does not open.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flux_dispatch.domain.errors import CannotUnseal

KEY_BYTES: Final = 32
HEAD_BYTES: Final = 5
"""The form and the name of the key, by which it is found what is under an older key."""

_FORM: Final = b"\x01"
_NONCE_BYTES: Final = 12
"""Random ones are safe for 2**32 texts under one key (NIST SP 800-38D, 8.3): more webhooks than there will be."""


class Keyring:
    """Some keys, the newest first; it seals under that one.

    Args:
        keys: at least one, each KEY_BYTES random bytes, none twice.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._ciphers = {key_id(key): AESGCM(_derived(key, "seal")) for key in keys}
        self._newest = key_id(keys[0])
        self.head = _FORM + self._newest
        """How everything begins that is sealed under the newest key."""

    @property
    def newest_id(self) -> str:
        """The name of the newest key, in hex; tells nothing of the key."""
        return self._newest.hex()

    @property
    def ids(self) -> frozenset[str]:
        """The names of all keys, in hex."""
        return frozenset(each.hex() for each in self._ciphers)

    def seal(self, text: str, place: str) -> bytes:
        """Return the text, sealed for this place alone."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.head + nonce + self._ciphers[self._newest].encrypt(nonce, text.encode(), _bound(self.head, place))

    def unseal(self, sealed: bytes, place: str) -> str:
        """Return the text that was sealed for this place.

        Raises:
            CannotUnseal: no key of the ring has sealed it, or it was not sealed for this place, or is damaged.
        """
        head, nonce, rest = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:][:_NONCE_BYTES], sealed[HEAD_BYTES + _NONCE_BYTES :]
        cipher = self._ciphers.get(head[1:]) if head[:1] == _FORM else None
        if cipher is None:
            raise CannotUnseal(
                f"What is sealed in {place} needs the encryption key {head[1:].hex()}, which this installation was not "
                "given: add that key to FLUX_ENCRYPTION_KEYS."
            )
        try:
            return cipher.decrypt(nonce, rest, _bound(head, place)).decode()
        except (InvalidTag, ValueError):
            raise CannotUnseal(
                f"What is sealed in {place} was damaged, or sealed for another place: it does not open. "
                "Give it a new value."
            ) from None

    def derived_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Return a key for another purpose of each key, the newest first (HKDF-SHA256, RFC 5869)."""
        return tuple(_derived(key, purpose) for key in self._keys)


def key_id(key: bytes) -> bytes:
    """Return the four bytes that name a key in what it has sealed."""
    return hashlib.sha256(b"flux key id:" + key).digest()[: HEAD_BYTES - len(_FORM)]


def _bound(head: bytes, place: str) -> bytes:
    return head + place.encode()


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"flux {purpose}".encode()).derive(key)
