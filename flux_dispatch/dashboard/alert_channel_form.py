"""The form of an alert channel: what its fields say, and the URL that they come to."""

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

    def _email(self) -> str:
        given = self.texts
        recipients = self._needed("recipients", "Say who is to get the mails, like ops@example.com.")
        _check_addresses(recipients, "recipients")
        host = self._needed("host", "Name the mail server that sends them, like smtp.example.com.")
        if given["port"] and not (given["port"].isascii() and given["port"].isdigit()):
            raise InvalidRequest("The port is a number, like 587.", param="port")
        user = given["user"]
        _check_addresses(given["sender"], "sender")
        sender = given["sender"] or (user if "@" in user else recipients.partition(",")[0].strip())
        security = given["security"] if given["security"] in SECURITIES else "starttls"
        login = f"{quote(user, safe='')}:{quote(given['password'], safe='')}@" if user else ""
        port = f":{given['port']}" if given["port"] else ""
        scheme = "mailto" if security == "insecure" else "mailtos"
        query = urlencode({"smtp": host, "mode": security, "from": sender, "to": recipients})
        return f"{scheme}://{login}{host}{port}?{query}"

    def _webhook(self) -> str:
        url = self._needed("url", "Give the URL that is to get the alerts.")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise InvalidRequest("The URL begins with https://, like https://example.com/alerts.", param="url")
        return f"{'jsons' if parts.scheme == 'https' else 'json'}://{url.partition('://')[2]}"

    def _needed(self, name: str, otherwise: str) -> str:
        if not self.texts[name]:
            raise InvalidRequest(otherwise, param=name)
        return self.texts[name]


def _check_addresses(text: str, param: str) -> None:
    """Raise InvalidRequest if one of these, which stand with commas between them, is no e-mail address."""
    for each in filter(None, map(str.strip, text.split(","))):
        if "@" not in each:
            raise InvalidRequest(f"{each} is no e-mail address, like ops@example.com.", param=param)


def known_way(text: str, ways: Mapping[str, str] = WAYS) -> str:
    """Return the way of this name, or the first."""
    return text if text in ways else next(iter(ways))
