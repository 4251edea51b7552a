"""What a channel is told, in words: a line that says it all, then what, since when, how many, and what to do."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flux_dispatch.channels.wording import headline, many_in_words, paragraphs, shortened, unformatted
from flux_dispatch.domain.alert_channel import ENDINGS, AlertKind
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.domain.notification import Digest, Notification
from flux_dispatch.domain.own_event import Links

MAX_KEY_LENGTH: Final = 255
"""What PagerDuty takes."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What a service for people on call opens, or closes when it is over.

    Attributes:
        key: the same each time for the same webhook or condition: what is open under it is not opened again.
        is_over: whether it is to be closed.
        tone: how bad it is, as a message's.
        text: what it is about.
    """

    key: str
    is_over: bool
    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is sent: the same bytes each time, so that a second copy is known by its id.

    Attributes:
        id: names the message to whoever gets it, also when it comes twice.
        sent_by: what the sender is called.
        tone: how bad it is, in Apprise's words: failure, warning, success or info.
        title: one line.
        text: plain text.
        html: the same for mail programs.
        markdown: the same for services that read plain text as Markdown: in it, a link would not stay as it is.
        created_at: when it was made.
        incidents: the same for services that have incidents, in the order in which they are opened and closed.
    """

    id: str
    sent_by: str
    tone: str
    title: str
    text: str
    html: str
    markdown: str
    created_at: datetime
    incidents: tuple[Incident, ...]


def compose(notification: Notification, links: Links, sent_by: str) -> Message:
    """Return the message of a notification."""
    parts = [_part(each, notification, links) for each in notification.digests]
    footer = _footer(notification, links)
    title = headline(notification.digests[0])
    if len(parts) > 1 or notification.beyond:
        title = many_in_words(notification.digests, notification.beyond)
        title = title[:1].upper() + title[1:]
    return Message(
        id=notification.id,
        sent_by=sent_by,
        tone=_tone(frozenset(each.kind for each in notification.digests) | frozenset(notification.beyond)),
        title=title,
        text=_as_text(parts, footer),
        html=_as_html(title, parts, footer),
        markdown=_as_markdown(parts, footer),
        created_at=notification.created_at,
        incidents=tuple(_incidents(notification, title, parts, links)),
    )


def compose_test(message_id: str, account: AccountId | None, links: Links, sent_by: str, now: datetime) -> Message:
    """Return the message by which somebody tries a channel out."""
    link = f"{links.public_url}/dashboard/{account}/alert-channels" if account else links.of_operations
    part = _Part(
        "This channel works",
        ["You sent this test. Alerts of the kinds that it asks for arrive here."],
        link,
        is_well=True,
    )
    title, text = "Test: this alert channel works", _as_text([part], [])
    html, markdown = _as_html(title, [part], []), _as_markdown([part], [])
    incident = Incident(message_id, is_over=False, tone="info", text=text)
    return Message(message_id, sent_by, "info", title, text, html, markdown, now, (incident,))


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands in a message of one digest: a line, what is said of it, and where it is shown."""

    line: str
    said: Sequence[str]
    link: str
    is_well: bool


def _part(digest: Digest, notification: Notification, links: Links) -> _Part:
    said = paragraphs(digest)
    # operators get nothing that customers write freely: it might call them all
    if notification.account and digest.name:
        said = [f"Webhook: {shortened(digest.name)}", *said]
    return _Part(headline(digest), said, _link(digest, links), is_well=digest.kind in ENDINGS)


def _link(digest: Digest, links: Links) -> str:
    if digest.account is None:
        return links.of_operations
    delivery = digest.detail.get("delivery")
    if digest.kind is AlertKind.DELIVERY_FAILED and delivery:
        return links.of_delivery(digest.account, DeliveryId(delivery))
    return links.of_webhook(digest.account, WebhookId(digest.subject))


def _incidents(notification: Notification, title: str, parts: Sequence[_Part], links: Links) -> Iterator[Incident]:
    told = list(zip(notification.digests, parts, strict=True))
    for digest, part in told:
        if digest.kind not in ENDINGS:
            yield Incident(
                _key(digest, links), is_over=False, tone=_tone(frozenset({digest.kind})), text=_as_text([part], [])
            )
    if trouble := frozenset(notification.beyond) - ENDINGS:
        text = "\n".join([f"{title}.", *_footer(notification, links)])
        yield Incident(notification.id, is_over=False, tone=_tone(trouble), text=text)
    for key, line in {_key(digest, links): part.line for digest, part in told if digest.is_over}.items():
        yield Incident(key, is_over=True, tone="success", text=line)


def _key(digest: Digest, links: Links) -> str:
    """Return what names an incident: a webhook, or a condition of this one of the installations that there may be."""
    return digest.subject if digest.account else f"{digest.subject} {links.public_url}"[:MAX_KEY_LENGTH]


def _footer(notification: Notification, links: Links) -> list[str]:
    lines = []
    if notification.beyond:
        lines.append(f"Not listed here: {many_in_words([], notification.beyond)}.")
    if notification.account:
        base = f"{links.public_url}/dashboard/{notification.account}"
        lines += [f"All alerts: {base}/alerts", f"Who gets them: {base}/alert-channels"]
    return lines


def _tone(kinds: frozenset[AlertKind]) -> str:
    if kinds <= ENDINGS:
        return "success"
    return "warning" if AlertKind.WEBHOOK_FAILING in kinds and len(kinds) == 1 else "failure"


def _as_text(parts: Sequence[_Part], footer: Sequence[str]) -> str:
    blocks = ["\n".join([f"{part.line}.", part.link, *part.said]) for part in parts]
    return "\n\n".join([*blocks, "\n".join(footer)] if footer else blocks) + "\n"


def _as_markdown(parts: Sequence[_Part], footer: Sequence[str]) -> str:
    blocks = [[f"{unformatted(part.line)}.", f"[Open it]({part.link})", *map(unformatted, part.said)] for part in parts]
    blocks.append([f"[{said}]({link})" if link else unformatted(said) for said, link in map(_parted, footer)])
    return "\n\n".join("  \n".join(each) for each in blocks if each) + "\n"


def _as_html(title: str, parts: Sequence[_Part], footer: Sequence[str]) -> str:
    rows = "".join(_row(part) for part in parts)
    ends = "".join(f'<p style="{_SMALL}">{_with_links(line)}</p>' for line in footer)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="supported-color-schemes" content="light dark"><title>{html.escape(title)}</title></head>'
        f'<body style="{_BODY}"><table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
        f"<tr><td>{rows}{ends}</td></tr></table></body></html>"
    )


def _row(part: _Part) -> str:
    said = "".join(f'<p style="margin:0 0 8px">{html.escape(line)}</p>' for line in part.said)
    link, style = html.escape(part.link, quote=True), f"{_PART};{_WELL if part.is_well else _TROUBLE}"
    return (
        f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="{style}"><tr><td>'
        f'<p style="margin:0 0 8px;font-weight:600">{html.escape(part.line)}</p>{said}'
        f'<p style="margin:0"><a href="{link}">Open it</a></p></td></tr></table>'
    )


def _with_links(line: str) -> str:
    said, link = _parted(line)
    return f'<a href="{html.escape(link, quote=True)}">{html.escape(said)}</a>' if link else html.escape(said)


def _parted(line: str) -> tuple[str, str]:
    """Return what a line of the footer says, and where it leads; nothing, where it leads nowhere."""
    said, _, link = line.partition(": ")
    return (said, link) if link.startswith("http") else (line, "")


# Colours are left to the mail program, which knows whether it is dark; a line beside each part does in both.
_BODY: Final = "margin:16px;font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif"
_PART: Final = "margin:0 0 20px;padding:0 0 0 12px;overflow-wrap:anywhere"
_TROUBLE: Final = "border-left:4px solid #c2410c"
_WELL: Final = "border-left:4px solid #15803d"
_SMALL: Final = "margin:0 0 4px;font-size:12px"
