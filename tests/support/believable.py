"""A believable account to look at: a bookshop of whose webhooks one works, one fails and one is gone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.alert_channel import OF_WEBHOOKS
from flux_dispatch.domain.api_key import NewApiKey, Scope
from flux_dispatch.domain.event import compose_body, serialised
from flux_dispatch.domain.ids import AccountId, EventId, Prefix, format_id, parse_id
from flux_dispatch.domain.listen_session import NewListenSession
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.listen_sessions import ListenSessionStore
from tests.support.believable_attempts import DAY, Story, failing, past_statistics, sold, working
from tests.support.believable_audit import tell_audit_log
from tests.support.extremes import extremes
from tests.support.recount import STATUSES_ANEW
from tests.support.store_harness import SEALS, SECRET, StoreHarness

SEED: Final = 7
ACCOUNTS: Final = ("Lumen Bikes", "Kettle & Co", "Harbour Books")
WORKS: Final = "https://backoffice.harbour-books.example/webhooks/flux"
FAILS: Final = "https://ledger.harbour-books.example/hooks/invoices"
GONE: Final = "https://old-warehouse.harbour-books.example/inbound"

TYPES: Final[Mapping[str, str]] = {
    "order.created": "A customer placed an order. It is not paid yet.",
    "order.completed": "An order was paid in full, and may be packed.",
    "order.refunded": "All or some of an order was paid back.",
    "invoice.paid": "An invoice was paid.",
    "invoice.overdue": "An invoice is a week past its date, and nobody paid.",
    "shipment.sent": "A parcel left the warehouse.",
    "shipment.delivered": "The carrier says that the parcel is there.",
    "customer.created": "Somebody opened a customer account.",
}
ALWAYS: Final = (timedelta(hours=3), timedelta(minutes=20))
"""How long ago something failed for good, and something that is attempted again, whatever chance brings."""

_SCHEMA: Final = {
    "type": "object",
    "required": ["order", "total"],
    "properties": {
        "order": {"type": "string", "description": "The number that the customer sees."},
        "total": {"type": "string", "description": "With two decimals.", "examples": ["42.00"]},
        "currency": {"type": "string", "enum": ["EUR", "GBP", "USD"]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"title": {"type": "string"}}}},
    },
}


@dataclass(frozen=True, slots=True)
class Believable:
    """What there is to look at, by ids; `paths` gives what the paths of pages name.

    A newcomer has just made the webhook `fresh`, an empty account has nothing, and an extreme one too much of all:
    `longest` is a webhook whose URL is as long as may be, `largest` an event with the data of 256 KB,
    `answered` a delivery of it with the longest headers.
    """

    account: AccountId
    newcomer: AccountId
    empty: AccountId
    extreme: AccountId
    fresh: str
    longest: str
    largest: str
    answered: str
    works: str
    fails: str
    gone: str
    event: str
    retrying: str
    given_up: str
    key: str
    session: str
    channel: str

    @property
    def paths(self) -> dict[str, str]:
        """A value for each name in the path of a page."""
        return {
            "account": self.account,
            "webhook": self.works,
            "event": self.event,
            "delivery": self.retrying,
            "event_type": "order.completed",
            "key": self.key,
            "session": self.session,
            "channel": self.channel,
        }


async def believable(database: AsyncEngine) -> Believable:
    """Store the account; everything in it is as long ago from now as it is each time."""
    world, rng, now = StoreHarness(database), _chance(), datetime.now(UTC)
    newcomer, empty, account = [await AccountStore(database).create(name) for name in ACCOUNTS]
    await world.do("UPDATE accounts SET created_at = created_at - interval '41 days'")
    fresh = await _webhook(world, newcomer, "https://lumen-bikes.example/flux", "", "*", age=timedelta(0))
    works = await _webhook(world, account, WORKS, "Back office", "order.*", "shipment.*")
    fails = await _webhook(world, account, FAILS, "Ledger", "invoice.*")
    gone = await _webhook(world, account, GONE, "", "shipment.sent")
    await world.do(
        "UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', cancel_at = NULL WHERE url = :url", url=GONE
    )
    story = Story(now, rng)
    _tell(story, *(UUID(parse_id(Prefix.WEBHOOK, each)) for each in (works, fails, gone)))
    await _store(world, account, story)
    await _catalogue(world, account)
    retrying = next(each for each in reversed(story.deliveries) if each.attempts == 3 and each.state == "scheduled")
    given_up = next(each for each in reversed(story.deliveries) if each.state == "failed" and each.attempts == 5)
    extreme, longest, largest, answered = await extremes(world)
    await tell_audit_log(world, account, (works, fails, gone), now, (extreme, longest))
    return Believable(
        account,
        newcomer,
        empty,
        extreme,
        fresh,
        longest,
        largest,
        answered,
        works,
        fails,
        gone,
        event=format_id(Prefix.EVENT, retrying.event_id.hex),
        retrying=format_id(Prefix.DELIVERY, retrying.id.hex),
        given_up=format_id(Prefix.DELIVERY, given_up.id.hex),
        key=await _keys(world, account, now),
        session=await _listening(world, account),
        channel=await _channels(world, account),
    )


async def _keys(world: StoreHarness, account: AccountId, now: datetime) -> str:
    """Give it two API keys, of which one ends."""
    keys = ApiKeyStore(world.database)
    made = await keys.add(account, NewApiKey((Scope.EVENTS_WRITE,), name="Checkout"))
    await keys.add(account, NewApiKey((Scope.READ,), name="Reports", expires_at=now + timedelta(days=30)))
    assert made
    return made[0].id


async def _listening(world: StoreHarness, account: AccountId) -> str:
    """Have two of its people receive on their own machines, one of whom has closed the lid of theirs."""
    sessions, ids = ListenSessionStore(world.database, SEALS), []
    for events, forward_to in ((("order.*",), "http://localhost:3000/webhooks/flux"), (("*",), None)):
        url = f"https://flux.harbour-books.example/in/lst_{'example' * 6}{len(ids)}"
        draft = NewListenSession(f"lst_{'example' * 6}{len(ids)}", url, events, forward_to)
        made = await sessions.create(account, draft, SECRET, most=9)
        assert made
        ids.append(made.id)
    await world.do("UPDATE listen_sessions SET process = 'p', instance = 'i' WHERE forward_to IS NOT NULL")
    await world.do("UPDATE listen_sessions SET seen_at = seen_at - interval '2 minutes' WHERE forward_to IS NULL")
    return ids[0]


def _tell(story: Story, works: UUID, fails: UUID, gone: UUID) -> None:
    """Have a day of events, each sent to whom it concerns."""
    names = list(TYPES)
    at = story.now - DAY
    while at < story.now - timedelta(seconds=20):
        name = story.rng.choices(names, weights=[24, 20, 2, 16, 3, 16, 14, 2])[0]
        event = story.event(name, at, sold(story.rng, name))
        if name.startswith(("order.", "shipment.")):
            working(story, event, works)
        if name.startswith("invoice."):
            failing(story, event, fails, since=story.now - timedelta(hours=5))
        if name == "shipment.sent" and at < story.now - timedelta(hours=9):
            working(story, event, gone)
        # more by day than by night, as the shop's customers sleep
        at += timedelta(seconds=story.rng.expovariate(1 / (120 if story.is_day(story.now - at) else 400)))
    for age in ALWAYS:
        at = story.now - age
        failing(story, story.event("invoice.paid", at, sold(story.rng, "invoice.paid")), fails, since=at)
    last = next(each for each in reversed(story.deliveries) if each.webhook_id == gone)
    story.give_up(last, status=410, detail="This warehouse has closed.", reason="gone")
    for webhook, rate in ((works, 26), (fails, 7), (gone, 6)):
        past_statistics(story, webhook, rate)


async def _webhook(
    world: StoreHarness,
    account: AccountId,
    url: str,
    description: str,
    *events: str,
    age: timedelta = timedelta(days=41),
) -> str:
    made = await world.scalar(
        """INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets, created_at)
           VALUES (CAST(:account AS uuid), :url, CAST(:events AS text[]), :description, '{}', 'enabled',
                   ARRAY[CAST(:secret AS text)], flux_now() - CAST(:age AS interval)) RETURNING id""",
        account=parse_id(Prefix.ACCOUNT, account),
        url=url,
        description=description,
        events=list(events),
        secret=SECRET,
        age=age,
    )
    return format_id(Prefix.WEBHOOK, made.hex)


async def _channels(world: StoreHarness, account: AccountId) -> str:
    """Store a channel that works, one that fails, and one that was given up; return the first."""
    rows = [
        ("On call", "pagerduty", "pagerduty://****@****/…", [*OF_WEBHOOKS], "enabled", None, "3 hours", None, None),
        ("Operations", "email", _OPS, [*OF_WEBHOOKS[1:]], *_FAILING),
        ("", "slack", "slack://T...2/…", [OF_WEBHOOKS[0]], "disabled", "unreachable", None, "2 days", _GONE_THERE),
    ]
    made = [
        await world.scalar(
            _CHANNEL, account=parse_id(Prefix.ACCOUNT, account), **dict(zip(_OF_CHANNEL, row, strict=True))
        )
        for row in rows
    ]
    return format_id(Prefix.ALERT_CHANNEL, made[0].hex)


async def _store(world: StoreHarness, account: AccountId, story: Story) -> None:
    owner = parse_id(Prefix.ACCOUNT, account)
    bodies = [
        {
            **asdict(each),
            "body": compose_body(_public(each.id), each.type, each.created_at, serialised(each.data)).decode(),
        }
        for each in story.events
    ]
    await _insert(world, _EVENTS, bodies, account=owner)
    await _insert(world, _DELIVERIES, [asdict(each) for each in story.deliveries], account=owner)
    await _insert(world, _ATTEMPTS, [asdict(each) for each in story.attempts])
    await _insert(world, _STATISTICS, story.statistics())
    for statement in (_ALERTS, *STATUSES_ANEW, "ANALYZE"):
        await world.do(statement)


async def _insert(world: StoreHarness, statement: str, rows: Sequence[Mapping[str, Any]], **parameters: Any) -> None:
    await world.do(statement, rows=json.dumps(rows, default=str), **parameters)


async def _catalogue(world: StoreHarness, account: AccountId) -> None:
    rng = _chance()
    rows = [
        {
            "name": name,
            "description": description,
            "type_group": name.partition(".")[0].capitalize() + "s",
            "example": json.dumps(sold(rng, name)),
            "schema": json.dumps(_SCHEMA) if name.startswith("order.") else None,
        }
        for name, description in TYPES.items()
    ]
    await _insert(world, _EVENT_TYPES, rows, account=parse_id(Prefix.ACCOUNT, account))


def _chance() -> Random:
    return Random(SEED)  # noqa: S311 - it is to be the same each time, and keeps no secret


def _public(event: UUID) -> EventId:
    return cast(EventId, format_id(Prefix.EVENT, event.hex))


_ROWS: Final = "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS each"
_EVENTS: Final = f"""
    INSERT INTO events (id, account_id, type, created_at, failed_at, body)
    SELECT id, CAST(:account AS uuid), type, created_at, failed_at, convert_to(body, 'UTF8')
    {_ROWS} (id uuid, type text, created_at timestamptz, failed_at timestamptz, body text)
"""
_DELIVERIES: Final = f"""
    INSERT INTO deliveries (id, event_id, webhook_id, account_id, state, reason, attempts, due_at, sweep_at, ended_at,
                            is_only)
    SELECT id, event_id, webhook_id, CAST(:account AS uuid), state, reason, attempts, due_at,
           date_trunc('second', due_at + interval '30 seconds'), ended_at, count(*) OVER (PARTITION BY event_id) = 1
    {_ROWS} (id uuid, event_id uuid, webhook_id uuid, state text, reason text, attempts smallint, due_at timestamptz,
             ended_at timestamptz)
"""
_ATTEMPTS: Final = f"""
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status, error, detail, phases,
                          response_headers)
    SELECT delivery_id, number, duration_seconds, ended_at, status, error, detail, phases, headers
    {_ROWS} (delivery_id uuid, number smallint, duration_seconds real, ended_at timestamptz, status smallint,
             error text, detail text, phases real[], headers jsonb)
"""
_STATISTICS: Final = f"""
    INSERT INTO webhook_statistics (webhook_id, bucket, attempts, delivered, given_up, latencies)
    SELECT webhook_id, bucket, attempts, delivered, given_up, latencies
    {_ROWS} (webhook_id uuid, bucket timestamptz, attempts int, delivered int, given_up int, latencies int[])
"""
_EVENT_TYPES: Final = f"""
    INSERT INTO event_types (account_id, name, description, type_group, example, schema)
    SELECT CAST(:account AS uuid), name, description, type_group, example, schema
    {_ROWS} (name text, description text, type_group text, example text, schema text)
"""
_OF_CHANNEL: Final = ("name", "service", "target", "kinds", "status", "reason", "sent", "failed", "error")
_OPS: Final = "ops@harbour-books.example by smtp.harbour-books.example:587"
_GONE_THERE: Final = "Slack answered 404: check the token or address in the channel's URL."
_REFUSED: Final = (
    "smtp.harbour-books.example:587 refused the user name or password (535 5.7.8 Authentication failed): correct them."
)
_FAILING: Final = ("enabled", None, "1 day", "20 minutes", _REFUSED)
_CHANNEL: Final = """
    INSERT INTO alert_channels (account_id, name, service, target, status, disabled_reason, last_sent_at,
                                last_failed_at, failing_since, last_error, kinds)
    VALUES (CAST(:account AS uuid), :name, :service, :target, :status, :reason,
            flux_now() - CAST(CAST(:sent AS text) AS interval), flux_now() - CAST(CAST(:failed AS text) AS interval),
            flux_now() - CAST(CAST(:failed AS text) AS interval), :error, CAST(:kinds AS text[]))
    RETURNING id
"""
_ALERTS: Final = """
    INSERT INTO alerts (id, account_id, webhook_id, event_id, delivery_id, reason, created_at, sent_at, acknowledged_at)
    SELECT CAST(lpad(to_hex(floor(extract(epoch FROM ended_at) * 1000)::bigint), 12, '0') || '70008'
                || left(md5(id::text), 15) AS uuid),
           account_id, webhook_id, event_id, id, reason, ended_at, ended_at,
           CASE WHEN ended_at < flux_now() - interval '8 hours' THEN ended_at + interval '7 minutes' END
    FROM deliveries WHERE state = 'failed'
"""
