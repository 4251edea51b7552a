"""Public ids: a prefix that names the noun, then a time-ordered UUID (version 7, RFC 9562) in hex.

Inside the database the same id is a plain `uuid`; the prefix exists only at the borders.
"""

import random
import re
from enum import StrEnum
from typing import NewType

from flux_dispatch.domain.errors import MalformedId

AccountId = NewType("AccountId", str)
EventId = NewType("EventId", str)
WebhookId = NewType("WebhookId", str)
DeliveryId = NewType("DeliveryId", str)
AlertId = NewType("AlertId", str)
ApiKeyId = NewType("ApiKeyId", str)
RecoveryId = NewType("RecoveryId", str)


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


def new_id(prefix: Prefix, unix_milliseconds: int) -> str:
    """Return a fresh id: 48 bits of time, then 74 random bits, so ids made later sort later."""
    # not secrets, so no call to the kernel for each; every process, forked ones too, has a seed of its own
    value = (unix_milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{prefix}_{value:032x}"


def format_id(prefix: Prefix, digits: str) -> str:
    """Return the public form of a stored uuid given as 32 hex digits."""
    return f"{prefix}_{digits}"


def parse_id(prefix: Prefix, text: str) -> str:
    """Return the 32 hex digits of a public id.

    Raises:
        MalformedId: the text is not an id of this noun.
    """
    head, _, digits = text.partition("_")
    if head != prefix or _HEX.fullmatch(digits) is None:
        raise MalformedId(prefix, text)
    return digits


_HEX = re.compile(r"[0-9a-f]{32}", re.ASCII)
