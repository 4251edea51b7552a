"""Sessions as the API has them: makes one, ends it, and says why one is over."""

import asyncio
from dataclasses import dataclass
from typing import Final

from flux_webhooks import AsyncFlux, FluxError, NotFoundError

from flux_dispatch.cli.client.target import Target
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen.local_url import LocalUrl
from flux_dispatch.cli.listen.report import Session
from flux_dispatch.cli.listen.websocket import Refused, SessionEnded
from flux_dispatch.domain.listen_session import WORDS, EndReason

END_SECONDS: Final = 5.0
"""How long the server may take to end a session; after that the command ends all the same."""

_NEW_ONE: Final = "Run `flux listen` again for a new one."
_REFUSALS: Final = {
    401: "The API key does not work any more. The session ends by itself in a few minutes.",
    403: "The API key may not listen any more: it needs the scope webhooks:write.",
    404: f"The server does not know this session any more. {_NEW_ONE}",
    409: f"Another command is connected to this session. {_NEW_ONE}",
}
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Wish:
    """What a session is asked for; without a `secret` the server makes one for this session alone."""

    events: tuple[str, ...]
    local: LocalUrl | None
    secret: str | None


class Sessions:
    """The sessions of one account at one API."""

    def __init__(self, flux: AsyncFlux, target: Target) -> None:
        self._flux = flux
        self._target = target

    async def create(self, wish: Wish) -> Session:
        """Make a session.

        Raises:
            CliError: the server knows of no sessions.
            FluxError: it refused, or does not answer.
        """
        forward_to = None if wish.local is None else str(wish.local)
        try:
            made = await self._flux.listen_sessions.create(
                events=wish.events, forward_to=forward_to, secret=wish.secret
            )
        except NotFoundError as error:
            raise CliError(
                f"{self._target.api_url} does not know `flux listen`: its release is older than this command. "
                f"Have it updated. ({error.message})"
            ) from None
        stays = wish.secret is not None
        return Session(made.id, made.url, made.secret or "", tuple(made.events), forward_to, secret_stays=stays)

    async def end(self, session: Session) -> str | None:
        """End a session; return why that could not be said to the server, None if it could, or was over already."""
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._flux.listen_sessions.end(session.id)
        except NotFoundError:
            return None
        except TimeoutError:
            return f"it did not answer within {END_SECONDS:g} s"
        except FluxError as error:
            return error.message.removesuffix(".")
        return None

    async def why_refused(self, session: Session, refused: Refused) -> SessionEnded:
        """Return in words why the server lets this command connect no more."""
        if refused.status != _GONE:
            message = _REFUSALS.get(
                refused.status,
                f"{self._target.api_url} does not let a WebSocket through (it answered {refused.status}). Have the "
                "proxy before it hand on the headers Upgrade and Connection.",
            )
            return SessionEnded("refused", message)
        try:
            reason = (await self._flux.listen_sessions.get(session.id)).ended_reason
            return SessionEnded(str(reason), WORDS[EndReason(str(reason))])
        except (FluxError, ValueError):
            return SessionEnded("ended", f"The session has ended. {_NEW_ONE}")
