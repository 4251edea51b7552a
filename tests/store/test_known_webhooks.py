"""What POSTs to a webhook are made of is read once, and again as soon as it is another: the very next claim knows."""

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.sweep import BEGINNING, SweepAction, share_out
from flux_dispatch.domain.webhook import NewWebhook, WebhookChange
from flux_dispatch.engine.reseal import Reseal
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.known_webhooks import KnownWebhook, KnownWebhooks, Version
from flux_dispatch.store.reseal import ResealStore
from flux_dispatch.store.sealed_webhooks import UNSEAL_PAUSE, WebhookSeals
from flux_dispatch.store.sweep import SweepStore
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.store_harness import KEYRING, SEALS, SECRET, TIMING, StoreHarness, event

NEW_SECRET = "whsec_" + "N" * 32
HEADERS = {"X-Team": "billing"}
URL = "https://example.com/"
NEW_URL = "https://example.com/new"
NEWER_KEY = bytes(range(1, 33))


@dataclass
class Endpoint:
    """One webhook of an account, the delivery that it waits for, and a store that remembers."""

    world: StoreHarness
    account: AccountId
    webhook: WebhookId
    delivery: DeliveryId
    store: DeliveryStore

    @property
    def webhooks(self) -> WebhookStore:
        return WebhookStore(self.world.database, SEALS)

    async def claim(self) -> Claim | None:
        """Claim the delivery if it can be, and have it due again."""
        lease = await self.store.claim([self.delivery])
        await self.world.do("UPDATE deliveries SET state = 'scheduled', lease_token = NULL, due_at = flux_now()")
        return lease.claims[0] if lease and lease.claims else None

    async def forbid_reading(self) -> None:
        """Have the statement that reads webhooks fail; a claim does not need what it reads."""
        await self.world.do("ALTER TABLE webhooks RENAME COLUMN sealed_headers TO away")


@pytest.fixture
async def endpoint(world: StoreHarness, account: AccountId) -> Endpoint:
    webhook = await new_webhook(world, account)
    delivery = await world.delivery(account)
    return Endpoint(world, account, webhook, delivery, DeliveryStore(world.database, TIMING, SEALS))


@pytest.fixture
async def nobody() -> AsyncIterator[AsyncEngine]:
    """Return the engine of a database that is not there."""
    database = open_database("postgresql://flux@127.0.0.1:1/flux")
    yield database
    await database.dispose()


async def new_webhook(world: StoreHarness, account: AccountId, seals: WebhookSeals = SEALS) -> WebhookId:
    draft = NewWebhook(URL, ("*",), "", HEADERS, {})
    made = await WebhookStore(world.database, seals).create(account, draft, SECRET, most=100)
    assert made
    return made.id


def uuid_of(webhook: WebhookId) -> UUID:
    return UUID(parse_id(Prefix.WEBHOOK, webhook))


async def versions(world: StoreHarness) -> dict[UUID, Version]:
    rows = await world.rows(
        "SELECT id, xmin::text::bigint AS x, date_part('epoch', updated_at) AS u FROM webhooks ORDER BY id"
    )
    return {UUID(row.id.hex): (row.x, row.u) for row in rows}


async def test_what_is_known_is_not_read_again(endpoint: Endpoint) -> None:
    first = await endpoint.claim()
    assert first
    assert (first.url, first.secrets, first.headers) == (URL, (SECRET,), HEADERS)
    await endpoint.forbid_reading()
    again = await endpoint.claim()
    assert again
    assert (again.url, again.secrets, again.headers, again.account) == (URL, (SECRET,), HEADERS, endpoint.account)


async def change_url(it: Endpoint) -> None:
    await it.webhooks.update(it.account, it.webhook, WebhookChange(url=NEW_URL))


async def change_headers(it: Endpoint) -> None:
    await it.webhooks.update(it.account, it.webhook, WebhookChange(headers={"X-Team": "sales"}))


async def take_headers_away(it: Endpoint) -> None:
    await it.webhooks.update(it.account, it.webhook, WebhookChange(headers={}))


async def rotate(it: Endpoint) -> None:
    await it.webhooks.rotate_secret(it.account, it.webhook, NEW_SECRET, timedelta(hours=1))


async def replace_secret(it: Endpoint) -> None:
    await it.webhooks.rotate_secret(it.account, it.webhook, NEW_SECRET, timedelta(0))


async def change_by_hand(it: Endpoint) -> None:
    """Change the row as an operator might, who does not think of `updated_at`."""
    await it.world.do("UPDATE webhooks SET url = :url", url=NEW_URL)


CHANGES: list[tuple[Callable[[Endpoint], Coroutine[Any, Any, None]], dict[str, object]]] = [
    (change_url, {"url": NEW_URL}),
    (change_headers, {"headers": {"X-Team": "sales"}}),
    (take_headers_away, {"headers": {}}),
    (rotate, {"secrets": (NEW_SECRET, SECRET)}),
    (replace_secret, {"secrets": (NEW_SECRET,)}),
    (change_by_hand, {"url": NEW_URL}),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
async def test_the_very_next_claim_knows_a_change(
    endpoint: Endpoint, change: Callable[[Endpoint], Coroutine[Any, Any, None]], expected: dict[str, object]
) -> None:
    assert await endpoint.claim()
    await change(endpoint)
    claim = await endpoint.claim()
    assert claim
    got = {"url": claim.url, "secrets": claim.secrets, "headers": claim.headers}
    assert got == {"url": URL, "secrets": (SECRET,), "headers": HEADERS} | expected


async def test_a_server_that_gives_the_number_of_a_transaction_again_misleads_nobody(endpoint: Endpoint) -> None:
    known = KnownWebhooks(endpoint.world.database, SEALS)
    ((webhook, (written_by, updated)),) = (await versions(endpoint.world)).items()
    assert (await get_one(known, webhook, (written_by, updated))).url == URL
    await change_by_hand(endpoint)
    assert (await get_one(known, webhook, (written_by, updated))).url == URL
    assert (await get_one(known, webhook, (written_by, updated + 1))).url == NEW_URL


async def test_the_next_claim_of_what_is_parked_knows_a_change_too(endpoint: Endpoint) -> None:
    assert await endpoint.claim()
    await change_url(endpoint)
    assert await endpoint.store.claim([endpoint.delivery], [endpoint.webhook]) is None
    lease = await endpoint.store.claim_parked({endpoint.webhook: 1})
    assert lease
    assert [claim.url for claim in lease.claims] == [NEW_URL]


async def test_what_is_sealed_anew_under_another_key_is_opened_with_it(endpoint: Endpoint) -> None:
    both = WebhookSeals(Keyring([NEWER_KEY, bytes(range(32))]))
    endpoint.store = DeliveryStore(endpoint.world.database, TIMING, both)
    assert await endpoint.claim()
    assert await Reseal(ResealStore(endpoint.world.database, both))(lambda *_: None) == (1, [])
    endpoint.store._webhooks._seals = WebhookSeals(Keyring([NEWER_KEY]))  # the older key is taken away
    claim = await endpoint.claim()
    assert claim
    assert (claim.secrets, claim.headers) == ((SECRET,), HEADERS)


async def test_a_webhook_that_is_deleted_or_disabled_gets_nothing_however_well_it_is_known(endpoint: Endpoint) -> None:
    assert await endpoint.claim()
    await endpoint.webhooks.update(endpoint.account, endpoint.webhook, WebhookChange(status="disabled"))
    assert await endpoint.claim() is None
    await endpoint.webhooks.update(endpoint.account, endpoint.webhook, WebhookChange(status="enabled"))
    assert await endpoint.claim()
    await endpoint.webhooks.delete(endpoint.account, endpoint.webhook)
    assert await endpoint.claim() is None


async def test_a_known_secret_that_ends_signs_no_more(endpoint: Endpoint) -> None:
    await endpoint.world.advance_clock(0)
    await endpoint.webhooks.rotate_secret(endpoint.account, endpoint.webhook, NEW_SECRET, timedelta(seconds=60))
    for seconds, signing in ((0, (NEW_SECRET, SECRET)), (59, (NEW_SECRET, SECRET)), (1, (NEW_SECRET,))):
        await endpoint.world.advance_clock(seconds)
        claim = await endpoint.claim()
        assert claim
        assert claim.secrets == signing
        if not seconds:
            await endpoint.forbid_reading()


# what happens to a webhook between the two statements of a claim happens at the end of the first
_MEANWHILE = """
    CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        {change};
        RETURN NULL;
    END $$;
    CREATE TRIGGER meanwhile AFTER UPDATE ON deliveries FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION meanwhile()
"""


async def meanwhile(world: StoreHarness, change: str) -> None:
    for statement in _MEANWHILE.format(change=change).split(";\n    CREATE TRIGGER"):
        await world.do(statement if "FUNCTION meanwhile() RETURNS" in statement else "CREATE TRIGGER" + statement)


async def test_a_webhook_that_is_changed_while_it_is_claimed_is_used_as_it_is_read(endpoint: Endpoint) -> None:
    await meanwhile(endpoint.world, "UPDATE webhooks SET url = 'https://example.com/new'")
    claim = await endpoint.claim()
    assert claim
    assert claim.url == NEW_URL


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE webhooks SET deleted_at = flux_now(), secrets = '{}', sealed_secrets = NULL, secrets_expire_at = NULL",
        "UPDATE webhooks SET status = 'disabled'",
    ],
)
async def test_a_webhook_that_is_gone_while_it_is_claimed_gets_nothing(endpoint: Endpoint, change: str) -> None:
    await meanwhile(endpoint.world, change)
    lease = await endpoint.store.claim([endpoint.delivery])
    assert lease
    assert lease.claims == ()
    row = await endpoint.world.state(endpoint.delivery)
    assert (row.state, row.lease_token, row.attempts) == ("scheduled", None, 0)
    (found,) = await swept(endpoint.world)
    assert (found.delivery, found.action) == (endpoint.delivery, SweepAction.CANCELED)


async def swept(world: StoreHarness) -> list[Any]:
    plan = SweepStore(world.database, TIMING)
    groups = await plan.due_groups(retries=False, after=BEGINNING, limit=10)
    return list(await plan.sweep(share_out(groups, 10), retries=False))


async def test_while_webhooks_cannot_be_read_what_is_known_is_sent_and_the_rest_is_owed(
    endpoint: Endpoint, nobody: AsyncEngine
) -> None:
    await endpoint.world.advance_clock(0)
    assert await endpoint.claim()
    other = await new_webhook(endpoint.world, endpoint.account)
    (stored,) = await endpoint.world.publish(event(endpoint.account))
    known = endpoint.store._webhooks
    real, known._database = known._database, nobody
    lease = await endpoint.store.claim(stored.deliveries)
    assert lease
    assert [claim.webhook for claim in lease.claims] == [endpoint.webhook]
    assert lease.left_out == ()
    (row,) = await endpoint.world.rows("SELECT * FROM deliveries WHERE webhook_id = :id", id=uuid_of(other))
    assert (row.state, row.attempts) == ("sending", 0)

    known._database = real
    await endpoint.world.advance_clock(TIMING.lease.total_seconds() + 1)
    rescued = {each.delivery for each in await swept(endpoint.world) if each.action is SweepAction.RESCUED}
    assert rescued == set(stored.deliveries)
    await endpoint.world.advance_clock(2)
    again = await endpoint.store.claim(stored.deliveries)
    assert again
    assert {claim.webhook for claim in again.claims} == {endpoint.webhook, other}


async def test_what_does_not_open_is_not_remembered(endpoint: Endpoint) -> None:
    known = KnownWebhooks(endpoint.world.database, WebhookSeals(Keyring([NEWER_KEY])))
    endpoint.store._webhooks = known
    wanted = await versions(endpoint.world)
    for _ in range(2):
        got = await known.get(wanted)
        assert (got.known, set(got.shut), got.gone) == ({}, set(wanted), frozenset())
    await endpoint.store.claim([endpoint.delivery])
    row = await endpoint.world.state(endpoint.delivery)
    assert row.state == "scheduled"
    assert 0 < row.due_in <= UNSEAL_PAUSE.total_seconds()
    known._seals = WebhookSeals(KEYRING)
    assert set((await known.get(wanted)).known) == set(wanted), "given the key, it is opened"


async def test_no_more_is_remembered_than_the_bound_and_what_was_needed_last_stays(endpoint: Endpoint) -> None:
    for _ in range(3):
        await new_webhook(endpoint.world, endpoint.account)
    wanted = list((await versions(endpoint.world)).items())
    size = next(iter((await KnownWebhooks(endpoint.world.database, SEALS).get(dict(wanted))).known.values())).bytes_held
    known = KnownWebhooks(endpoint.world.database, SEALS, max_bytes=3 * size)
    for number in (0, 1, 2, 0, 3, 3):
        await get_one(known, *wanted[number])
        assert known._bytes == sum(each.bytes_held for each in known._known.values()) <= 3 * size
    assert list(known._known) == [wanted[number][0] for number in (2, 0, 3)]
    got = await known.get(dict(wanted))
    assert set(got.known) == {webhook for webhook, _ in wanted}, "what has no room is read all the same"
    assert known._bytes <= 3 * size

    await change_by_hand(endpoint)
    for webhook, version in (await versions(endpoint.world)).items():
        await get_one(known, webhook, version)
    assert known._bytes == sum(each.bytes_held for each in known._known.values()) <= 3 * size
    tiny = KnownWebhooks(endpoint.world.database, SEALS, max_bytes=1)
    await get_one(tiny, *next(iter((await versions(endpoint.world)).items())))
    assert (tiny._bytes, len(tiny._known)) == (0, 0)


async def get_one(known: KnownWebhooks, webhook: UUID, version: Version) -> KnownWebhook:
    return (await known.get({webhook: version})).known[webhook]
