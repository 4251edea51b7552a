"""A mail server: a real one in a thread, which keeps what it is sent and refuses, or hangs, as it is told."""

# ruff: noqa: ARG002 - what aiosmtpd calls takes what it hands over

import email
import threading
import warnings
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Final, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from flux_dispatch.cli.embedded import free_port

USER: Final = "alerts"
PASSWORD: Final = "correct-horse-battery"


@dataclass
class Mailbox:
    """Takes mail for everybody, from USER alone if `needs_login`; a block's `with` runs it.

    Attributes:
        refused: recipients that it does not take.
        refusal: what it says to these.
        farewell: what it says in the end.
        hangs: whether it answers nothing after a mail, until it is let go or ends.
        hanging: how many mails it has let hang.
    """

    needs_login: bool = False
    refused: set[str] = field(default_factory=set)
    refusal: str = "550 5.1.1 nobody of this name"
    farewell: str = "221 Bye"
    hangs: bool = False
    hanging: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self.port = free_port()
        self._controller = Controller(
            _Handler(self),
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self._authenticate,
            auth_required=self.needs_login,
            auth_require_tls=False,
        )
        self._quiet = warnings.catch_warnings()
        self._quiet.__enter__()  # until the end: each connection says it, in the server's thread
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._controller.stop()
        self._quiet.__exit__(kind, error, trace)

    def let_go(self) -> None:
        """Answer what hangs."""
        self._end.set()

    def url(self, *, user: str = "", password: str = "", to: str = "ops@example.com") -> str:
        """Return the URL of a channel that mails here."""
        login = f"{user}:{password}@" if user else ""
        return f"mailto://{login}127.0.0.1:{self.port}?from=alerts@flux.example&to={to}&mode=insecure"

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        is_known = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=is_known and given.login == USER.encode(), handled=False)


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._mailbox.refused:
            return self._mailbox.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        return self._mailbox.farewell

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self._mailbox.hangs:
            self._mailbox.hanging += 1
            await server.loop.run_in_executor(None, self._mailbox._end.wait)
        content = cast(bytes, envelope.content)
        self._mailbox.mails.append(cast(EmailMessage, email.message_from_bytes(content, policy=default)))
        return "250 OK"


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail."""
    part = mail.get_body(("html",))
    assert part
    return str(part.get_content())
