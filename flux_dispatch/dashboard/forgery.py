"""Keeps other sites from having a signed-in browser send forms here: by their origin, and by a token in each."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Final

from aiohttp import web

from flux_dispatch.domain.errors import Forbidden

FIELD: Final = "csrf"
"""The name of the hidden field that every form of a signed-in page has."""

_LENGTH: Final = sha256().digest_size


def check_origin(request: web.Request) -> None:
    """Pass a request that a page of ours has sent.

    Raises:
        Forbidden: it comes from another site, or from a browser that does not say from where.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    # the scheme is left out: a proxy before us may end HTTPS
    is_foreign = origin is not None and origin.partition("://")[2] != request.host
    if is_foreign or (origin is None and site != "same-origin") or site not in {None, "same-origin"}:
        raise Forbidden(
            "This form was not sent by a page of the dashboard. Open the page again, and send it from there."
        )


def token_for(session_token: str) -> str:
    """Return a token for the forms of a session, another one each time.

    Pages are compressed: what stands in all of them could be guessed by the length of many.
    """
    mask = secrets.token_bytes(_LENGTH)
    return urlsafe_b64encode(mask + _xor(mask, _mac(session_token))).decode()


async def check_token(request: web.Request, session_token: str) -> None:
    """Pass a form that a page of this session has sent.

    Raises:
        Forbidden: it has no such token.
    """
    given = (await request.post()).get(FIELD)
    if not isinstance(given, str) or not hmac.compare_digest(_unmasked(given), _mac(session_token)):
        raise Forbidden(
            "This form is of another session, or older than yours. Open the page again, and send it from there."
        )


def _unmasked(token: str) -> bytes:
    try:
        given = urlsafe_b64decode(token)
    except (Base64Error, ValueError):
        return b""
    return _xor(given[:_LENGTH], given[_LENGTH:]) if len(given) == 2 * _LENGTH else b""


def _mac(session_token: str) -> bytes:
    return hmac.digest(session_token.encode(), b"form", sha256)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))
