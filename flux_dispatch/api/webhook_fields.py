"""The fields of webhooks, which several bodies and answers have, and metadata, which accounts have too."""

from typing import Final

from flux_dispatch.api.fields import field
from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.metadata import MAX_METADATA_KEY_LENGTH, MAX_METADATA_KEYS, MAX_METADATA_VALUE_LENGTH
from flux_dispatch.domain.webhook import (
    HEADER_NAME,
    HEADER_VALUE,
    MAX_DESCRIPTION_LENGTH,
    MAX_HEADER_LENGTH,
    MAX_HEADERS,
    MAX_PATTERNS,
    MAX_REASON_LENGTH,
)

EXAMPLE_SECRET: Final = "whsec_…"  # noqa: S105 - a picture of one

URL: Final = field("Where events are sent.", "https://example.com/hooks", format="uri", maxLength=2048)
EVENTS: Final = field(
    "What it wants: exact types, `order.*` for everything below `order`, or `*`.",
    ["order.completed", "invoice.*"],
    minItems=1,
    maxItems=MAX_PATTERNS,
    items={
        "type": "string",
        "pattern": r"^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$",
        "maxLength": MAX_TYPE_LENGTH,
    },
)
DESCRIPTION: Final = field("A note for people.", "Billing, production", maxLength=MAX_DESCRIPTION_LENGTH)
HEADERS: Final = field(
    "Headers that every POST carries. Stored sealed; null when they do not open.",
    {"X-Team": "billing"},
    maxProperties=MAX_HEADERS,
    propertyNames={"pattern": f"^{HEADER_NAME}$"},
    additionalProperties={"type": "string", "pattern": f"^{HEADER_VALUE}$", "maxLength": MAX_HEADER_LENGTH - 1},
)
METADATA: Final = field(
    "Texts of your own.",
    {"plan": "gold"},
    maxProperties=MAX_METADATA_KEYS,
    propertyNames={"minLength": 1, "maxLength": MAX_METADATA_KEY_LENGTH},
    additionalProperties={"type": "string", "maxLength": MAX_METADATA_VALUE_LENGTH},
)
DISABLED_REASON: Final = field("Why it is disabled.", "by_hand", minLength=1, maxLength=MAX_REASON_LENGTH)
