"""Why a message was not taken, in a sentence for whoever set the channel up; what its URL keeps secret is left out."""

import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote

MAX_TROUBLE_LENGTH: Final = 300
_LEAST_SECRET: Final = 4
"""What is shorter is a word like `to`, and no secret."""


def smtp_trouble(error: BaseException, where: str) -> str:  # noqa: PLR0911 - one for each kind
    """Return why a mail server did not take a message; `where` is its host and port."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"{where} refused the user name or password ({_answer(error)}): correct them."
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            return f"{where} refused every recipient ({code} {_text(said)}): check the addresses."
        case smtplib.SMTPSenderRefused():
            return _sender_trouble(error, where)
        case smtplib.SMTPNotSupportedError():
            return f"{where} does not offer what was asked for ({error}): choose another encryption (mode=)."
        case smtplib.SMTPResponseException():
            return f"{where} answered {_answer(error)}."
        case smtplib.SMTPServerDisconnected() if "timed out" in str(error):
            return f"{where} did not answer in time."
        case smtplib.SMTPServerDisconnected():
            return f"{where} hung up: see whether the port belongs to the encryption (mode=): {_PORTS}, none 25."
        case UnicodeEncodeError():
            return (
                "The user name, the password or an address has a letter beyond ASCII, and was not sent to the mail "
                "server: give it another."
            )
        case ssl.SSLError():
            return _tls_trouble(error, where)
    return connection_trouble(error, where)


def _sender_trouble(error: smtplib.SMTPSenderRefused, where: str) -> str:
    if error.smtp_code == _LOGIN_REQUIRED:
        return f"{where} asks for a user name and password ({_answer(error)}): give them."
    return f"{where} refused the sender's address ({_answer(error)}): give another sender (from=)."


def connection_trouble(error: BaseException, where: str) -> str:
    """Return why no connection came about."""
    match error:
        case socket.gaierror():
            return f"The name {where.rpartition(':')[0] or where} leads to no address: check its spelling."
        case TimeoutError():
            return f"{where} did not answer in time."
        case ConnectionRefusedError():
            return f"Nothing listens at {where}: check host and port."
        case OSError() if error.strerror:
            return f"{where} cannot be reached: {error.strerror}."
    return f"{where} cannot be reached."


def said_by_plugin(lines: Sequence[str], service: str) -> str:
    """Return why a service did not take a message, out of what its plugin logged, the last line first."""
    if any("certificate verify failed" in line for line in lines):
        return f"The certificate of {service} is not good."
    if any("NameResolutionError" in line or "Name or service not known" in line for line in lines):
        return f"The host of {service} leads to no address: check its spelling."
    if any("Connection refused" in line for line in lines):
        return f"Nothing listens where {service} should be: check host and port."
    if any("timed out" in line.lower() for line in lines):
        return f"{service} did not answer in time."
    for line in lines:
        if status := _STATUS.search(line):
            return f"{service} answered {status[1]}: {_OF_STATUS.get(status[1][:1], _CHECK)}"
    return f"{service} did not take the message: {lines[0].rstrip('.')}." if lines else f"{service} {_NOT_TAKEN}"


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a sentence on one line, not too long, in which none of these stands, and nothing that cannot be shown."""
    for each in sorted(secrets, key=len, reverse=True):
        if len(each) >= _LEAST_SECRET:
            text = text.replace(each, "****")
    # the database refuses some of what servers say (U+0000), and terminals obey some
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= MAX_TROUBLE_LENGTH else f"{text[: MAX_TROUBLE_LENGTH - 1]}…"


def secrets_in(url: str) -> list[str]:
    """Return what of a URL may be a secret: user name, password, each part of its path, each value of its query.

    The host is, too, where it is no name of one: many services have a token in its place.
    """
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("?")[0].partition("/")
    found = {*re.split("[@:]", _PORT.sub("", authority)), *path.split("/")}
    found |= {value for _, value in parse_qsl(rest.partition("?")[2]) if not _ADDRESS_OR_NAME.fullmatch(value)}
    return [each for part in found if (each := unquote(part)) and not _HOST_NAME.fullmatch(each) and each != scheme]


def _tls_trouble(error: ssl.SSLError, where: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {where} is not good: {error.verify_message}."
    return f"No TLS came about with {where}: see whether the port belongs to the encryption (mode=): {_PORTS}."


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:120]


_STATUS: Final = re.compile(r"error=(\d{3})")
_CHECK: Final = "see what it says of its state."
_OF_STATUS: Final = {
    "3": "it lives at another address now.",
    "4": "check the token or address in the channel's URL.",
    "5": "something is broken there; it is tried again.",
}
_NOT_TAKEN: Final = "did not take the message."
_LOGIN_REQUIRED: Final = 530
_PORTS: Final = "STARTTLS 587, TLS 465"
_PORT: Final = re.compile(r":\d{1,5}$")
_HOST_NAME: Final = re.compile(r"(?=.*\.)[a-z0-9.-]+|localhost", re.IGNORECASE)
_ADDRESS_OR_NAME: Final = re.compile(r"[a-z]{1,12}|[^@\s]+@[^@\s]+|(?=.*\.)[a-z0-9.-]+", re.IGNORECASE)
