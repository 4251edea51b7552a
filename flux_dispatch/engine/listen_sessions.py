"""Listen sessions: somebody begins to receive on their own machine, at a temporary public URL, and ends it."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, ListenSessionId
from flux_dispatch.domain.listen_session import (
    TOKEN_BYTES,
    TOKEN_PREFIX,
    Ended,
    EndReason,
    ListenSession,
    NewListenSession,
    url_of,
    validate_forward_to,
)
from flux_dispatch.domain.signing import SECRET_BYTES, encode_secret, validate_secret
from flux_dispatch.domain.webhook import validate_patterns

EVERYTHING: Final = ("*",)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a session shall be: `events` are patterns (None: everything), `forward_to` is for display.

    `secret` is one that the command keeps, so that its local server is set up once; None makes one.
    """

    events: Sequence[str] | None
    forward_to: str | None
    secret: str | None = None


class Sessions(Protocol):
    """What these verbs need of the store."""

    async def create(
        self, account: AccountId, draft: NewListenSession, secret: str, *, most: int
    ) -> ListenSession | None:
        """Store a session with its webhook; None when the account has `most` already."""
        ...

    async def end(self, account: AccountId, session: ListenSessionId, reason: EndReason) -> Ended | None:
        """End a session and its webhook; None when there is none of this id, or it is over already."""
        ...

    async def exists(self, account: AccountId, session: ListenSessionId) -> bool:
        """Say whether the account has a session of this id, over or not."""
        ...


class Sockets(Protocol):
    """What these verbs need of the tunnel: never waits, never fails."""

    def end(self, ended: Ended) -> None:
        """Tell the command that its session is over, wherever it is connected."""
        ...


class ListenSessions:
    """Makes sessions and ends them.

    Args:
        sessions: the store.
        sockets: where commands are connected.
        origin: the URL below which the URLs of sessions are, if the operator named one.
        most: how many an account may have at a time.
    """

    def __init__(self, sessions: Sessions, sockets: Sockets, *, origin: str | None, most: int) -> None:
        self._sessions = sessions
        self._sockets = sockets
        self._origin = origin
        self._most = most

    async def create(self, account: AccountId, wish: Wish, *, reached_at: str) -> tuple[ListenSession, str]:
        """Make a session, and return it with the secret of its webhook.

        Args:
            account: whose it is.
            wish: what it shall be.
            reached_at: the URL at which the caller reached Flux, for an operator who named none.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it; or (409) the account has as many
                sessions as it may have. Nothing is stored.
        """
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        draft = NewListenSession(
            token=token,
            url=url_of(self._origin or reached_at, token),
            events=validate_patterns(EVERYTHING if wish.events is None else wish.events),
            forward_to=validate_forward_to(wish.forward_to),
        )
        secret = encode_secret(os.urandom(SECRET_BYTES)) if wish.secret is None else validate_secret(wish.secret)
        made = await self._sessions.create(account, draft, secret, most=self._most)
        if made is None:
            message = f"This account has {self._most} listen sessions and may not have more at a time. End those that "
            message += "nobody needs with DELETE /v1/listen/{id}, or have an operator raise "
            message += "FLUX_LISTEN_SESSIONS_PER_ACCOUNT."
            raise InvalidRequest(message, code="too_many_listen_sessions", status=HTTPStatus.CONFLICT)
        return made, secret

    async def end(self, account: AccountId, session: ListenSessionId, reason: EndReason = EndReason.DELETED) -> None:
        """End a session; one that is over stays so.

        Raises:
            NotFound: the account has no such session.
        """
        ended = await self._sessions.end(account, session, reason)
        if ended is not None:
            self._sockets.end(ended)
        elif not await self._sessions.exists(account, session):
            raise NotFound(f"There is no {session}.")
