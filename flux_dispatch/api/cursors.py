"""Cursors: where a list goes on, which nobody can make or change but this API."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

_TAG_BYTES: Final = 16
_ID_BYTES: Final = 16


class Cursors:
    """Writes and reads cursors: the ids of the last thing seen, and a tag over them, the list and its account.

    Args:
        keys: any of them verifies, the first one signs.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def write(self, of_list: str, ids: Sequence[str]) -> str:
        """Return the cursor of a list (its path and its account) behind these ids (32 hex digits each)."""
        last = bytes.fromhex("".join(ids))
        return _encoded(last + _tag(self._keys[0], of_list, last))

    def read(self, of_list: str, cursor: str, count: int) -> tuple[str, ...] | None:
        """Return the ids of a cursor, of which there must be so many; None when it was not made here for this list."""
        try:
            held = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            return None
        last, tag = held[:-_TAG_BYTES], held[-_TAG_BYTES:]
        # decoding ignores what is no base64, and the same bytes have several spellings
        if len(last) != count * _ID_BYTES or _encoded(held) != cursor:
            return None
        if not any(hmac.compare_digest(tag, _tag(key, of_list, last)) for key in self._keys):
            return None
        return tuple(last[start : start + _ID_BYTES].hex() for start in range(0, len(last), _ID_BYTES))


def _tag(key: bytes, of_list: str, last: bytes) -> bytes:
    return hmac.digest(key, b"%b\0%b" % (of_list.encode(), last), "sha256")[:_TAG_BYTES]


def _encoded(held: bytes) -> str:
    return urlsafe_b64encode(held).decode().rstrip("=")
