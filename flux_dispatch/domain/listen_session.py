"""A listen session: a temporary public URL, and a temporary webhook at it, while somebody runs `flux listen`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from flux_dispatch.domain.errors import FluxError, InvalidRequest
from flux_dispatch.domain.ids import AccountId, ListenSessionId, WebhookId
from flux_dispatch.domain.text import validate_text
from flux_dispatch.domain.url import RELAYED

TOKEN_PREFIX: Final = "lst_"  # noqa: S105 - public: it tells a token from other text
TOKEN_BYTES: Final = 32

MAX_FORWARD_TO_LENGTH: Final = 500

TOUCH_SECONDS: Final = 10.0
"""How often a process that holds sockets says that their sessions are seen."""

CONNECTED_FOR: Final = timedelta(seconds=3 * TOUCH_SECONDS)
"""For how long a session that was seen counts as connected: its process may have died since."""

KEPT_FOR: Final = timedelta(days=1)
"""For how long a session that is over stays, so that its URL tells so."""


LOST_STATUSES: Final = (502, 503, 504)
"""What an attempt is answered that did not get through: by us while no command is connected, or by a proxy before an
API that restarts. It is made again at once when a command connects."""


class EndReason(StrEnum):
    """Why a session is over."""

    DELETED = "deleted"
    """Somebody ended it: the command when it stopped, or a person."""

    UNSEEN = "unseen"
    """No command was connected for too long."""

    KEY_REVOKED = "key_revoked"
    """The key that the command came with does not work any more."""

    ACCOUNT_DELETED = "account_deleted"


WORDS: Final = {
    EndReason.DELETED: "The session was ended from elsewhere. Run flux listen again for a new URL.",
    EndReason.UNSEEN: "No command was connected to the session for too long. Run flux listen again for a new URL.",
    EndReason.KEY_REVOKED: "The API key that the session was connected with does not work any more. Use another one.",
    EndReason.ACCOUNT_DELETED: "The account of the session was deleted.",
}
"""What the command is told."""


class ListenStatus(StrEnum):
    """Whether what reaches the URL of a session goes anywhere."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class NewListenSession:
    """What is stored when a session is made; `forward_to` is where the command says that it forwards, for display."""

    token: str
    url: str
    events: tuple[str, ...]
    forward_to: str | None


@dataclass(frozen=True, slots=True)
class ListenSession:
    """A session as it is stored; `seen_at` is when a command was last connected to it."""

    id: ListenSessionId
    account: AccountId
    webhook: WebhookId
    url: str
    events: tuple[str, ...]
    forward_to: str | None
    status: ListenStatus
    created_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    ended_reason: EndReason | None


@dataclass(frozen=True, slots=True)
class TunnelTarget:
    """What is behind a token: where what reaches its URL goes, and which secrets sign what Flux itself sends there."""

    id: ListenSessionId
    account: AccountId
    webhook: WebhookId
    ended_reason: EndReason | None
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """A command that was let in: `epoch` counts connections, and `before` is the process that held the one before."""

    session: ListenSession
    target: TunnelTarget
    epoch: int
    connected_at: datetime
    before: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over now; `process` is the API process that a command was connected to, if one was."""

    id: ListenSessionId
    reason: EndReason
    process: str | None


class SessionEnded(InvalidRequest):
    """The session is over, and its URL with it."""

    def __init__(self) -> None:
        super().__init__(
            "This listen session has ended, and its URL with it. Run flux listen again for a new one.",
            code="listen_session_ended",
            status=HTTPStatus.GONE,
        )


class SessionInUse(InvalidRequest):
    """Another command is connected to the session."""

    def __init__(self) -> None:
        super().__init__(
            "Another command is connected to this listen session. Stop that one, or run flux listen for a session of "
            "your own.",
            code="listen_session_in_use",
            status=HTTPStatus.CONFLICT,
        )


class ListenerError(FluxError):
    """What reached the URL of a session did not get an answer; the session lives."""


class ListenerNotConnected(ListenerError):
    """No command is connected at the moment; after `retry_seconds` the same request may be sent again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "listener_not_connected"
    retry_seconds = 5.0


class ListenerTimedOut(ListenerError):
    """The local server did not answer in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "local_server_timeout"


class LocalServerFailed(ListenerError):
    """The local server cannot be reached, or broke off."""

    status = HTTPStatus.BAD_GATEWAY
    code = "local_server_failed"


def is_token(text: str) -> bool:
    """Say whether this can be the token of a session."""
    return _TOKEN.fullmatch(text) is not None


def url_of(origin: str, token: str) -> str:
    """Return the public URL of a session, below the URL at which Flux is reached.

    Raises:
        InvalidRequest: that is none which a webhook can have.
    """
    if _ORIGIN.fullmatch(origin) is None:
        message = "The host that this request names cannot be the host of a URL. Have the operator set FLUX_PUBLIC_URL."
        raise InvalidRequest(message, param="Host")
    return f"{origin}{RELAYED}{token}"


def validate_forward_to(text: str | None) -> str | None:
    """Return where the command says that it forwards.

    Raises:
        InvalidRequest: it is too long, or holds a NUL character.
    """
    return None if text is None else validate_text(text, "forward_to", most=MAX_FORWARD_TO_LENGTH)


_TOKEN = re.compile(TOKEN_PREFIX + r"[A-Za-z0-9_-]{43}", re.ASCII)
_ORIGIN = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?(/[\x21\x22\x24-\x3e\x40-\x7e]*)?", re.ASCII
)
