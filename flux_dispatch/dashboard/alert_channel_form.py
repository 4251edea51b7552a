"""The form of an alert channel: what its fields say, and the URL that they come to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from multidict import MultiMapping

from flux_dispatch.domain.alert_channel import OF_WEBHOOKS, AlertChannel, AlertKind
from flux_dispatch.domain.errors import InvalidRequest

WAYS: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "slack": "Slack",
    "teams": "Teams",
    "pagerduty": "PagerDuty",
    "webhook": "Webhook",
    "other": "Others",
}
"""What a channel may be made by, each with fields of its own; `other` takes a URL as Apprise writes it."""

KEEP: Final = "keep"
WAYS_OF_EDIT: Final[Mapping[str, str]] = {KEEP: "As it is", **WAYS}
"""The same for a channel that is there, whose URL nobody is shown: it stays, or another takes its place."""

KINDS: Final[Mapping[AlertKind, tuple[str, str]]] = {
    AlertKind.DELIVERY_FAILED: ("Delivery failed", "the last attempt of a delivery failed"),
    AlertKind.WEBHOOK_FAILING: ("Webhook failing", "every attempt has failed for a while, before it is disabled"),
    AlertKind.WEBHOOK_DISABLED: ("Webhook disabled", "it answered 410, or every attempt failed for days"),
    AlertKind.WEBHOOK_RECOVERED: ("Webhook recovered", "a webhook that was failing, or disabled, delivers again"),
}
"""What each kind is called, and what it tells."""

SECURITIES: Final = {"starttls": "STARTTLS (port 587)", "ssl": "TLS (port 465)", "insecure": "None (port 25)"}

MAX_PORT: Final = 65_535

_TYPED: Final[Mapping[str, Mapping[str, str]]] = {
    "email": {"write mailtos:// instead": "choose STARTTLS or TLS"},
    "webhook": {"jsons://": "https://", "json://": "http://"},
}
"""By way: what a refusal says of the URL that the form wrote, and what was typed or is to be chosen for it."""

_BARE: Final = r"[^<>@\s]+@[^<>@\s]+"
_ADDRESS: Final = re.compile(rf"{_BARE}|[^<>@]*<{_BARE}>")
"""One e-mail address, alone or behind the name of its owner; whether mails can be sent there is seen by its URL."""

_HOST: Final = re.compile(r"[^\s:/?#@\[\]]+|\[[0-9a-f:.]+\]", re.IGNORECASE)

_TEXTS: Final = ("name", "recipients", "host", "port", "security", "user", "password", "sender", "url", "key")


@dataclass(frozen=True, slots=True)
class AlertChannelForm:
    """What somebody typed and ticked; which of the fields count depends on the way."""

    way: str = "email"
    kinds: Sequence[str] = OF_WEBHOOKS
    texts: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(_TEXTS, ""))

    @classmethod
    def of(cls, channel: AlertChannel, way: str) -> "AlertChannelForm":
        """Return what a channel says of itself, and nothing of its URL."""
        return cls(way, channel.kinds, dict.fromkeys(_TEXTS, "") | {"name": channel.name})

    @classmethod
    def read(cls, form: MultiMapping[object], ways: Mapping[str, str] = WAYS) -> "AlertChannelForm":
        """Return what was sent, of a form that offers these ways."""
        texts = {each: str(form.get(each, "")).strip() for each in _TEXTS}
        kinds = [str(each) for each in form.getall("kind", [])]
        return cls(known_way(str(form.get("way", "")), ways), kinds, texts)

    def wanted_kinds(self) -> Sequence[str]:
        """Return what it is to be told of.

        Raises:
            InvalidRequest: nothing was ticked.
        """
        if not self.kinds:
            raise InvalidRequest("Tick at least one thing that it is told of.", param="kinds")
        return self.kinds

    def wanted_url(self) -> str:
        """Return the URL that is asked for; not to be asked where it is kept.

        Raises:
            InvalidRequest: a field is missing, or not what it must be; `param` names it.
        """
        match self.way:
            case "email":
                return self._email()
            case "pagerduty":
                # its events take no more than the routing key, but Apprise wants something in the place of another
                return f"pagerduty://{quote(self._needed('key', 'Give the integration key.'), safe='')}@events"
            case "webhook":
                return self._webhook()
        return self._needed("url", "Give the URL.")

    def in_its_words(self, error: InvalidRequest) -> InvalidRequest:
        """Return why the URL is refused, by what stands in the form in place of what it wrote into the URL."""
        message = error.message
        for written, typed in _TYPED.get(self.way, {}).items():
            message = message.replace(written, typed)
        return InvalidRequest(message, param=error.param, code=error.code, status=error.status)

    def _email(self) -> str:
        given, user = self.texts, self.texts["user"]
        recipients = self._needed("recipients", "Say who is to get the mails, like ops@example.com.")
        _check_addresses(recipients, "recipients")
        host = self._needed("host", "Name the mail server that sends them, like smtp.example.com.")
        _check_server(host, given["port"])
        _check_addresses(given["sender"], "sender")
        if given["password"] and not user:
            raise InvalidRequest("Give the user name that the password is of, or leave both out.", param="user")
        if user and not given["password"]:
            raise InvalidRequest("Give the password of this user name, or leave both out.", param="password")
        sender = given["sender"] or (user if "@" in user else recipients.partition(",")[0].strip())
        security = given["security"] if given["security"] in SECURITIES else "starttls"
        login = f"{quote(user, safe='')}:{quote(given['password'], safe='')}@" if user else ""
        port = f":{given['port']}" if given["port"] else ""
        scheme = "mailto" if security == "insecure" else "mailtos"
        # Apprise takes a + for a part of an address, and not for a space
        query = urlencode({"smtp": host, "mode": security, "from": sender, "to": recipients}, quote_via=quote)
        return f"{scheme}://{login}{host}{port}?{query}"

    def _webhook(self) -> str:
        url = self._needed("url", "Give the URL that is to get the alerts.")
        scheme = _scheme_of(url)
        if scheme not in {"http", "https"}:
            raise InvalidRequest("The URL begins with https://, like https://example.com/alerts.", param="url")
        return f"{'jsons' if scheme == 'https' else 'json'}://{url.partition('://')[2]}"

    def _needed(self, name: str, otherwise: str) -> str:
        if not self.texts[name]:
            raise InvalidRequest(otherwise, param=name)
        return self.texts[name]


def _check_addresses(text: str, param: str) -> None:
    """Raise InvalidRequest if one of these, which stand with commas between them, is no e-mail address."""
    for each in filter(None, map(str.strip, text.split(","))):
        if not _ADDRESS.fullmatch(each):
            raise InvalidRequest(f"{each} is no e-mail address, like ops@example.com.", param=param)


def _check_server(host: str, port: str) -> None:
    if not _HOST.fullmatch(host):
        raise InvalidRequest(f"{host} is no name of a mail server, like smtp.example.com.", param="host")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= MAX_PORT):
        raise InvalidRequest(f"The port is a number from 1 to {MAX_PORT}, like 587.", param="port")


def _scheme_of(url: str) -> str:
    """Return the scheme of a URL that names a host, or else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.scheme if parts.netloc else ""


def known_way(text: str, ways: Mapping[str, str] = WAYS) -> str:
    """Return the way of this name, or the first."""
    return text if text in ways else next(iter(ways))
