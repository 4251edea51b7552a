"""Secret tokens: who shows one is let in, and only a digest of it is kept."""

import hashlib
from typing import Final

TOKEN_BYTES: Final = 32
"""How many random bytes a token is made of."""


def digest(token: str) -> bytes:
    """Return what is stored of a token. It holds 256 random bits, so a slow hash would guard nothing more.

    Any text has one: what comes in a URL or a cookie need not be valid Unicode, and is only never found then.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
