"""Where people are told of failures while a fault lasts: the messages that they got, read as they read them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

from flux_dispatch.domain.alert_channel import OF_WEBHOOKS, AlertKind
from flux_dispatch.domain.own_event import TYPES
from tests.support.mailbox import Mailbox, text_of
from tests.support.receiver import Receiver, Request

Told: TypeAlias = Counter[tuple[str, AlertKind]]
"""How often what was told of which webhook, which is named by its URL."""


@dataclass(frozen=True)
class Message:
    """One that was taken; a copy has the same `id`."""

    id: str
    text: str
    tells: Told


@dataclass(frozen=True)
class Channel:
    """Somebody who asks for alerts of these kinds; `taken` returns the messages so far, copies included."""

    name: str
    taken: Callable[[], list[Message]]
    kinds: frozenset[AlertKind] = frozenset(OF_WEBHOOKS)


def from_mail(mailbox: Mailbox) -> list[Message]:
    """Return the mails that a server has taken."""
    mails = [(str(mail["message-id"]), text_of(mail)) for mail in list(mailbox.mails)]
    return [Message(id_, text, read(text)) for id_, text in mails]


def from_alert_webhook(receiver: Receiver) -> list[Message]:
    """Return the messages that an alert channel of the kind `json://` has answered with 200."""
    bodies = [(request.headers["idempotency-key"], json.loads(request.body)) for request in _accepted(receiver)]
    return [Message(id_, body["message"], read(body["message"])) for id_, body in bodies]


def from_own_events(receiver: Receiver, path: str) -> list[Message]:
    """Return the events of our own that a webhook has accepted; a copy of one counts among the deliveries."""
    accepted = {request.event: request.body.decode() for request in _accepted(receiver) if request.path == path}
    return [Message(id_, text, _told_by(json.loads(text))) for id_, text in accepted.items()]


def read(text: str) -> Told:
    """Return what a message in words tells."""
    told: Told = Counter()
    for line in text.splitlines():
        for kind, pattern in _LINES.items():
            if found := pattern.fullmatch(line):
                told[found["url"], kind] += 1 + int(found.groupdict("").get("more", "").replace(",", "") or 0)
    return told


def _accepted(receiver: Receiver) -> Iterable[Request]:
    return [request for request, status in list(receiver.answered) if status == HTTPStatus.OK]


def _told_by(event: dict[str, object]) -> Told:
    data, kinds = event["data"], {type_: kind for kind, type_ in TYPES.items()}
    assert isinstance(data, dict)
    return Counter({(data["url"], kinds[str(event["type"])]): 1})


_LINES: Final = {
    AlertKind.DELIVERY_FAILED: re.compile(r"\S+ to (?P<url>\S+) failed [^(]*(?:\(\+(?P<more>[\d,]+) more\))?\."),
    AlertKind.WEBHOOK_FAILING: re.compile(r"(?P<url>\S+) (?:is|was) failing: .*"),
    AlertKind.WEBHOOK_DISABLED: re.compile(r"(?P<url>\S+) was disabled: .*"),
    AlertKind.WEBHOOK_RECOVERED: re.compile(r"(?P<url>\S+) delivers again\."),
}
"""The line of each kind."""
