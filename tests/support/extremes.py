"""An account that has too much of everything: the longest URLs and names, very many webhooks, and a huge catalogue."""

from typing import Final

from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from tests.support.store_harness import StoreHarness, event

WEBHOOKS: Final = 500
EVENT_TYPES: Final = 300
LONGEST_URL: Final = "https://" + ".".join(["hooks" * 12] * 3) + ".example/" + "segment-without-end-" * 88
"""About two thousand characters, as many as a URL may have."""

LARGEST: Final = {"lines": [{"line": number, "text": "x" * 230} for number in range(1_000)]}
"""About 256 KB of data."""

LONGEST_NAME: Final = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikations" * 3
_TYPE: Final = "warehouse.section.shelf.position.inventory.quantity.corrected"

_WEBHOOKS: Final = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
    SELECT CAST(:account AS uuid), CAST(:url AS text) || n,
           CASE WHEN n % 3 = 0 THEN ARRAY['*'] ELSE ARRAY[CAST(:type AS text) || n, 'order.*', 'invoice.*', 'a.b'] END,
           CASE WHEN n % 2 = 0 THEN CAST(:name AS text) ELSE '' END, '{}', 'enabled', ARRAY['whsec_AAAA']
    FROM generate_series(1, CAST(:count AS int)) AS n
"""
_EVENT_TYPES: Final = """
    INSERT INTO event_types (account_id, name, description, type_group)
    SELECT CAST(:account AS uuid), CAST(:type AS text) || n, repeat('What it says, at some length. ', n % 30),
           'Group ' || n % 12
    FROM generate_series(1, CAST(:count AS int)) AS n
"""


_ANSWER: Final = """
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail, response_headers)
    VALUES (CAST(:delivery AS uuid), 1, 0.1, flux_now(), 500, 'http_status', repeat('y', 1000),
            jsonb_build_object('x-' || repeat('n', 200), 'x', 'x-long', repeat('v', 400)))
"""


async def extremes(world: StoreHarness) -> tuple[AccountId, str, str, str]:
    """Store it; return its id, the webhook of the longest URL, and the largest event, owed to very many webhooks.

    At last a delivery of it that was answered with the longest headers.
    """
    made = await world.scalar("INSERT INTO accounts (name) VALUES (:name) RETURNING id", name=LONGEST_NAME)
    account = AccountId(format_id(Prefix.ACCOUNT, made.hex))
    longest = await world.webhook(account, *(f"{_TYPE}.{number}" for number in range(50)), url=LONGEST_URL)
    owner = parse_id(Prefix.ACCOUNT, account)
    await world.do(
        _WEBHOOKS, account=owner, url=LONGEST_URL[:-10], name=LONGEST_NAME, type=f"{_TYPE}.n", count=WEBHOOKS
    )
    await world.do(_EVENT_TYPES, account=owner, type=f"{_TYPE}.n", count=EVENT_TYPES)
    (largest,) = await world.publish(event(account, "order.completed", LARGEST))
    answered = largest.deliveries[0]
    await world.do(_ANSWER, delivery=parse_id(Prefix.DELIVERY, answered))
    return account, longest, largest.event.id, answered
