"""E-mail: one message to all recipients, in text and HTML, under an id of its own; Apprise reads the URL."""

import smtplib
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any, Final

CONNECT_SECONDS: Final = 10.0
"""How long each step of the talk with the server may take; the message as a whole has a limit of its own."""


def email_of(message: Mapping[str, Any], plugin: Any) -> EmailMessage:  # noqa: ANN401 - Apprise's
    """Return the mail: the same bytes each time it is made of the same message."""
    name, address = plugin.from_addr
    mail = EmailMessage(policy=SMTP.clone(max_line_length=120))
    mail["From"] = formataddr(
        (name if name and name != plugin.app_id else message["sent_by"], address), charset="utf-8"
    )
    mail["To"] = ", ".join(formataddr((called or "", each), charset="utf-8") for called, each in plugin.targets)
    if plugin.cc:
        mail["Cc"] = ", ".join(sorted(plugin.cc))
    if plugin.reply_to:
        mail["Reply-To"] = ", ".join(sorted(plugin.reply_to))
    mail["Subject"] = message["title"]
    mail["Date"] = format_datetime(datetime.fromisoformat(message["created_at"]))
    mail["Message-ID"] = f"<{message['id']}@{address.rpartition('@')[2]}>"
    # RFC 3834: no holiday notice answers it
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message["text"])
    mail.add_alternative(message["html"], subtype="html")
    return mail


def send_email(message: Mapping[str, Any], plugin: Any) -> list[str]:  # noqa: ANN401 - as above
    """Send a mail; return the recipients that the server refused, where it took others.

    Raises:
        OSError, smtplib.SMTPException: the server was not reached, or took it for nobody.
    """
    mail = email_of(message, plugin)
    recipients = [each for _, each in plugin.targets] + sorted(plugin.cc) + sorted(plugin.bcc)
    context = ssl.create_default_context()
    if not plugin.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with closing(_connected(plugin, context)) as server:
        if plugin.user and plugin.password:
            server.login(plugin.user, plugin.password)
        refused = server.send_message(mail, plugin.from_addr[1], recipients)
        with suppress(smtplib.SMTPException):  # it was taken, whatever is said to that
            server.quit()
    return sorted(refused)


def _connected(plugin: Any, context: ssl.SSLContext) -> smtplib.SMTP:  # noqa: ANN401 - as above
    if plugin.secure_mode == "ssl":
        return smtplib.SMTP_SSL(plugin.smtp_host, plugin.port, timeout=CONNECT_SECONDS, context=context)
    server = smtplib.SMTP(plugin.smtp_host, plugin.port, timeout=CONNECT_SECONDS)
    if plugin.secure_mode == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server
