"""Which services customers may be told by, and what their URLs may not say.

What is not listed is refused: of Apprise's many plugins some write to the machine that they run on, to its log, desktop
or serial line, and some take a template or a key from a file.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """A service, by the name that people know; `example` is how its URL is written."""

    name: str
    title: str
    schemes: tuple[str, ...]
    example: str


SERVICES: Final = (
    Service("email", "E-mail", ("mailto", "mailtos"), "mailtos://user:password@smtp.example.com?to=ops@example.com"),
    Service("slack", "Slack", ("slack",), "https://hooks.slack.com/services/T…/B…/…"),
    Service("teams", "Microsoft Teams", ("workflow", "workflows"), "https://prod-00.westeurope.logic.azure.com/…"),
    Service("discord", "Discord", ("discord",), "https://discord.com/api/webhooks/…/…"),
    Service("google_chat", "Google Chat", ("gchat",), "https://chat.googleapis.com/v1/spaces/…"),
    Service("mattermost", "Mattermost", ("mmost", "mmosts"), "mmosts://mattermost.example.com/token"),
    Service("rocket_chat", "Rocket.Chat", ("rocket", "rockets"), "rockets://token@chat.example.com/#alerts"),
    Service("telegram", "Telegram", ("tgram",), "tgram://bot-token/chat-id"),
    Service("webex", "Webex", ("wxteams", "webex"), "wxteams://token"),
    Service("zulip", "Zulip", ("zulip",), "zulip://bot@organisation/token/stream"),
    Service("pagerduty", "PagerDuty", ("pagerduty",), "pagerduty://integration-key@api-key"),
    Service("opsgenie", "Opsgenie", ("opsgenie",), "opsgenie://api-key/@team"),
    Service("splunk", "Splunk On-Call", ("splunk", "victorops"), "splunk://routing-key@api-key"),
    Service("incident_io", "incident.io", ("incidentio",), "incidentio://token/source-id"),
    Service("ilert", "iLert", ("ilert",), "ilert://integration-key"),
    Service("squadcast", "Squadcast", ("squadcast",), "squadcast://token"),
    Service("better_stack", "Better Stack", ("betterstack",), "betterstack://token"),
    Service("signl4", "SIGNL4", ("signl4",), "signl4://secret"),
    Service("pushover", "Pushover", ("pover",), "pover://user@token"),
    Service("ntfy", "ntfy", ("ntfy", "ntfys"), "ntfys://ntfy.example.com/topic"),
    Service("gotify", "Gotify", ("gotify", "gotifys"), "gotifys://gotify.example.com/token"),
    Service("twilio", "Twilio", ("twilio",), "twilio://sid:token@from/to"),
    Service("webhook", "Webhook (unsigned JSON)", ("json", "jsons"), "jsons://example.com/alerts"),
)
"""In the order in which people are offered them."""

BY_SCHEME: Final = {scheme: service for service in SERVICES for scheme in service.schemes}

UNENCRYPTED: Final = frozenset({"mmost", "rocket", "gotify", "json"})
"""Schemes that carry their secrets in the clear to a server of one's own."""

REFUSED_PARAMETERS: Final = frozenset(
    {
        *("template", "pgp", "pgppub", "pgpprv", "pgpkey", "wkd", "inline", "attach", "config", "include"),
        *("verify", "store", "retry", "wait", "cto", "rto", "tz"),
    }
)
"""What a URL of a customer may not say: files, no check of certificates, and what is for us to decide."""
