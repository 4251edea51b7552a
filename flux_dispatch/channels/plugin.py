"""Reads the URL of a channel with Apprise, says what is wrong with it, and sends by its plugin."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode
from apprise.plugins import url_to_dict
from apprise.plugins.email import NotifyEmail
from apprise.plugins.pagerduty import PagerDutyAction

from flux_dispatch.channels.email import send_email
from flux_dispatch.channels.services import BY_SCHEME, REFUSED_PARAMETERS, SERVICES, UNENCRYPTED
from flux_dispatch.channels.trouble import said_by_plugin, smtp_trouble
from flux_dispatch.channels.wording import unformatted, whole_lines
from flux_dispatch.domain.alert_channel import HAVE_INCIDENTS

MOST_RECIPIENTS: Final = 20


class _Asset(AppriseAsset):
    """Has no pictures, which the services would load from elsewhere."""

    image_url_mask = ""
    image_url_logo = ""


ASSET: Final = _Asset(
    app_id="Flux Dispatch",
    app_desc="Webhook delivery",
    app_url="",
    async_mode=False,
    storage_mode=PersistentStoreMode.MEMORY,
    service_timeout=0,
)


class RefusedUrl(Exception):
    """A URL that no channel may have; the message says what to change."""


def plugin_of(url: str, *, is_customers: bool, require_https: bool) -> Any:  # noqa: ANN401 - Apprise's
    """Return what sends to a URL.

    Args:
        url: in Apprise's form, or the one that Slack, Discord or Teams give out.
        is_customers: whether it may only be of a service that is listed, and say nothing of files.
        require_https: whether what goes to a server of one's own must be encrypted.

    Raises:
        RefusedUrl: there is no such plugin, the URL is not whole, or a customer may not have it.
    """
    parts = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
    if parts is None:
        raise RefusedUrl(_not_understood(url))
    if is_customers:
        _check_for_customer(parts, require_https=require_https)
    try:
        plugin = Apprise.instantiate(parts, asset=ASSET, suppress_exceptions=False)
    except Exception as error:
        raise RefusedUrl(_not_whole(parts["schema"])) from error
    if plugin is None:
        raise RefusedUrl(_not_whole(parts["schema"]))
    if isinstance(plugin, NotifyEmail):
        _check_email(plugin, require_https=is_customers and require_https)
    return plugin


def check_recipients(url: str, plugin: Any) -> None:  # noqa: ANN401 - Apprise's
    """Check that mail goes to everybody whom a URL names, for Apprise leaves out what it does not take for an address.

    Raises:
        RefusedUrl: somebody would get none.
    """
    parts = url_to_dict(url, secure_logging=True) if isinstance(plugin, NotifyEmail) else None  # type: ignore[no-untyped-call]
    if parts is None:
        return
    # behind a semicolon there is a parameter of its own
    named = [*parts["targets"], parts.get("cc") or "", parts.get("bcc") or "", *parts["qsd"]]
    words = [each.strip("'.") for text in named for each in _BETWEEN_RECIPIENTS.split(text) if "@" in each]
    taken = {*(each for _, each in plugin.targets), *plugin.cc, *plugin.bcc}
    for each in words:
        if each not in taken or not each.isascii():
            raise RefusedUrl(
                f"No mail can be sent to {each[:80]}: correct the address (ASCII alone, without quotes: "
                "other domains are written as xn--…), and put a comma between it and the next."
            )


def service_of(plugin: Any) -> str:  # noqa: ANN401 - Apprise's
    """Return the name of the service that a plugin sends to."""
    scheme = plugin.secure_protocol or plugin.protocol
    schemes = (scheme,) if isinstance(scheme, str) else tuple(scheme)
    found = next((BY_SCHEME[each] for each in schemes if each in BY_SCHEME), None)
    return found.name if found else schemes[0]


def title_of(plugin: Any) -> str:  # noqa: ANN401 - Apprise's
    """Return what people call the service that a plugin sends to."""
    return _TITLES.get(service_of(plugin)) or str(plugin.service_name)


def target_of(plugin: Any) -> str:  # noqa: ANN401 - Apprise's
    """Return what may be shown of where a plugin sends to: no password, no token, no path."""
    if isinstance(plugin, NotifyEmail):
        recipients = [each for _, each in plugin.targets]
        more = f" and {len(recipients) - 2} more" if len(recipients) > 2 else ""  # noqa: PLR2004 - two are named
        return f"{', '.join(recipients[:2])}{more} by {plugin.smtp_host}:{plugin.port}"
    scheme, _, rest = plugin.url(privacy=True).partition("://")
    authority, _, path = rest.partition("?")[0].partition("/")
    where = authority.rpartition("@")[2] if service_of(plugin) in _HAVE_SERVERS else authority
    if service_of(plugin) == "ntfy" and not path:
        where, path = "ntfy.sh", "…"
    return f"{scheme}://{where}{'/…' if path else ''}"[:120]


def send_by(plugin: Any, message: Mapping[str, Any]) -> tuple[str | None, list[str]]:  # noqa: ANN401 - Apprise's
    """Send a message; return why it was not taken (None: somebody did), and what was said of recipients who got none.

    Who got it would get it again with each further attempt, however long another cannot be reached.
    """
    if isinstance(plugin, NotifyEmail):
        try:
            return None, send_email(message, plugin)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why
            return smtp_trouble(error, f"{plugin.smtp_host}:{plugin.port}"), []
    # no message is cut into several
    plugin.overflow_mode = "truncate"
    taken = _noted_as_taken(plugin)
    with _logged() as lines:
        is_sent = _take_message(plugin, message)
    if is_sent:
        return None, []
    trouble = said_by_plugin(list(reversed(lines)), title_of(plugin))
    # incidents are one message in several parts, each of which joins the incident that it is of
    return (None, [trouble]) if taken and service_of(plugin) not in HAVE_INCIDENTS else (trouble, [])


def _check_for_customer(parts: Mapping[str, Any], *, require_https: bool) -> None:
    scheme = parts["schema"]
    if scheme not in BY_SCHEME:
        raise RefusedUrl(_not_sent_to(scheme))
    if require_https and scheme in UNENCRYPTED:
        raise RefusedUrl(f"{scheme}:// is not encrypted: write {scheme}s:// instead.")
    named = {*parts.get("qsd", {}), *(f"+{each}" for each in parts.get("qsd+", {}))}
    if refused := sorted(named & REFUSED_PARAMETERS):
        raise RefusedUrl(f"The URL of an alert channel may not have {refused[0]}=: leave it out.")


def _check_email(plugin: NotifyEmail, *, require_https: bool) -> None:
    if not plugin.targets:
        raise RefusedUrl("None of the recipients is an e-mail address: write to=ops@example.com.")
    if len(plugin.targets) + len(plugin.cc) + len(plugin.bcc) > MOST_RECIPIENTS:
        raise RefusedUrl(f"A channel has at most {MOST_RECIPIENTS} recipients: make a list on your mail server.")
    if require_https and plugin.password and plugin.secure_mode == "insecure":
        raise RefusedUrl("The password would go to the mail server in the clear: write mailtos:// instead.")


def _take_message(plugin: Any, message: Mapping[str, Any]) -> bool:  # noqa: ANN401 - Apprise's
    """Send it so that a second copy is known, where a service has a place for that: by its id, or its incidents'."""
    service = service_of(plugin)
    if service in HAVE_INCIDENTS and not plugin.dedup:
        plugin.request_rate_per_sec = 0
        return all(_tell_incident(plugin, incident) for incident in message["incidents"])
    if service == "webhook":
        plugin.headers.setdefault("Idempotency-Key", message["id"])
    written_in, title, text = NotifyFormat.TEXT, message["title"], message["text"]
    if _formats(plugin) == {NotifyFormat.MARKDOWN}:
        # made into Markdown by Apprise, a link has backslashes in it
        written_in, text = NotifyFormat.MARKDOWN, message["markdown"]
        title = unformatted(title) if plugin.title_maxlen <= 0 or service in _HAVE_MARKDOWN_TITLES else title
    return _notify(plugin, title, text, message["tone"], written_in)


def _noted_as_taken(plugin: Any) -> list[Any]:  # noqa: ANN401 - Apprise's
    """Return a list to which the plugin adds each of its recipients that takes the message."""
    taken: list[Any] = []

    def mark_delivered(key: Any, per_message: bool = False) -> None:  # noqa: ANN401, FBT001, FBT002 - Apprise's
        if not per_message:  # else it is a picture, and no message
            taken.append(key)

    plugin.mark_delivered = mark_delivered
    return taken


def _tell_incident(plugin: Any, incident: Mapping[str, Any]) -> bool:  # noqa: ANN401 - Apprise's
    plugin.dedup = incident["key"]
    plugin.action = PagerDutyAction.RESOLVE if incident["is_over"] else PagerDutyAction.TRIGGER
    return _notify(plugin, "", incident["text"], incident["tone"], NotifyFormat.TEXT)


def _notify(plugin: Any, title: str, text: str, tone: str, written_in: NotifyFormat) -> bool:  # noqa: ANN401 - as above
    room = plugin.body_maxlen - (_grown(title) + 2 if plugin.title_maxlen <= 0 else 0)
    body = whole_lines(text, room, len if NotifyFormat.TEXT in _formats(plugin) else _grown)
    is_sent: bool = plugin.notify(body=body, title=title, notify_type=NotifyType(tone), body_format=written_in)
    return is_sent


def _formats(plugin: Any) -> frozenset[NotifyFormat]:  # noqa: ANN401 - Apprise's
    """Return what a service takes without rewriting it."""
    return frozenset(plugin.notify_format if isinstance(plugin.notify_format, tuple) else (plugin.notify_format,))


def _grown(line: str) -> int:
    """Return how long a line may become where some of it is written as entities, like `&quot;`."""
    return len(line) + 5 * sum(each in "\"&'<>" for each in line)


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what plugins say of their troubles, which is nowhere else."""
    lines: list[str] = []
    collector = logging.Handler(logging.DEBUG)
    collector.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("apprise")
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(collector)


def _not_sent_to(scheme: str) -> str:
    names = ", ".join(each.title for each in SERVICES)
    return f"Alerts are not sent to {scheme[:20]}:// here. They go to {names}."


def _not_understood(url: str) -> str:
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme and scheme not in {*BY_SCHEME, "http", "https"}:
        return _not_sent_to(scheme)
    if scheme in {"http", "https"}:
        return (
            "No service is known by this URL. Give one of Slack, Discord, Teams or Google Chat, or for a server of "
            "your own one that begins with jsons://."
        )
    if not scheme:
        return "The URL does not say which service it is of: it begins like mailtos://, slack:// or https://."
    example = BY_SCHEME[scheme].example if scheme in BY_SCHEME else "mailtos://user:password@smtp.example.com"
    return f"This is no URL of an alert channel: it is written like {example}."


def _not_whole(scheme: str) -> str:
    example = BY_SCHEME[scheme].example if scheme in BY_SCHEME else f"{scheme}://…"
    if scheme in {"mailto", "mailtos"}:
        return f"The URL tells no sender: add from=alerts@example.com, and whom to write to: {example}."
    return f"Something is missing in this URL, or is not as {scheme}:// takes it: it is written like {example}."


_BETWEEN_RECIPIENTS: Final = re.compile(r"""[\s,;<>"]+""")
_TITLES: Final = {each.name: each.title.partition(" (")[0] for each in SERVICES}
_HAVE_MARKDOWN_TITLES: Final = {"teams"}
_HAVE_SERVERS: Final = {"mattermost", "rocket_chat", "gotify", "webhook", "ntfy"}
