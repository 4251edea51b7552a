"""Public ids: a prefix that names the noun, then a time-ordered UUID (version 7, RFC 9562) in hex.

Inside the database the same id is a plain `uuid`; the prefix exists only at the borders.
"""

import random
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from flux_dispatch.domain.errors import MalformedId

AccountId = NewType("AccountId", str)
EventId = NewType("EventId", str)
WebhookId = NewType("WebhookId", str)
DeliveryId = NewType("DeliveryId", str)
AlertId = NewType("AlertId", str)
ApiKeyId = NewType("ApiKeyId", str)
RecoveryId = NewType("RecoveryId", str)
DashboardSessionId = NewType("DashboardSessionId", str)
ListenSessionId = NewType("ListenSessionId", str)
AlertChannelId = NewType("AlertChannelId", str)
NotificationId = NewType("NotificationId", str)


class Prefix(StrEnum):
    """The noun that an id belongs to, as it stands before the underscore."""

    ACCOUNT = "acct"
    EVENT = "evt"
    WEBHOOK = "wh"
    DELIVERY = "dlv"
    ALERT = "alrt"
    EVENT_TYPE = "evtype"
    API_KEY = "key"
    PORTAL_LINK = "plink"
    RECOVERY = "rec"
    DASHBOARD_SESSION = "dsess"
    LISTEN_SESSION = "lsn"
    AUDIT_ENTRY = "aud"
    ALERT_CHANNEL = "chan"
    NOTIFICATION = "ntf"


def new_id(prefix: Prefix, unix_milliseconds: int) -> str:
    """Return a fresh id: 48 bits of time, then 74 random bits, so ids made later sort later."""
    # not secrets, so no call to the kernel for each; every process, forked ones too, has a seed of its own
    value = (unix_milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return prefix + f"_{value:032x}"


def format_id(prefix: Prefix, digits: str) -> str:
    """Return the public form of a stored uuid given as 32 hex digits."""
    # an f-string asks the enumeration to format its member, which takes four times as long
    return prefix + "_" + digits


def parse_id(prefix: Prefix, text: str) -> str:
    """Return the 32 hex digits of a public id.

    Raises:
        MalformedId: the text is not an id of this noun.
    """
    head, _, digits = text.partition("_")
    if head != prefix or _HEX.fullmatch(digits) is None:
        raise MalformedId(prefix, text)
    return digits


def example_id(prefix: Prefix) -> str:
    """Return an id to show; each noun's is another."""
    return f"{prefix}_019bc0d6f4c57b3e9f21c4d8e6a7{list(Prefix).index(prefix):04x}"


def made_at(uuid7: UUID) -> datetime:
    """Return the time that a version 7 UUID was made at, to the millisecond."""
    return datetime.fromtimestamp((uuid7.int >> 80) / 1000, UTC)


def made_at_seconds(delivery: DeliveryId) -> float:
    """Return the unix time that a delivery was made at, to the millisecond: it stands in the first digits of its id."""
    return int(delivery[4:16], 16) / 1000


_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
