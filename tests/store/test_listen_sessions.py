"""A listen session lives while a command is connected, is one command's at a time, and ends with its webhook."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind, AuditEntry, Reader, Target, TargetKind
from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.listen_session import (
    CONNECTED_FOR,
    KEPT_FOR,
    EndReason,
    ListenSession,
    ListenStatus,
    NewListenSession,
    SessionEnded,
    SessionInUse,
)
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse, Outcome, Rejected
from flux_dispatch.domain.retry import GiveUp, RetryAfter
from flux_dispatch.domain.webhook import NewWebhook, WebhookChange
from flux_dispatch.engine.expire import BUSY_SECONDS, EXPIRE_BATCH_SIZE, IDLE_SECONDS, Expire
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.audit_log import AuditLogQueries
from flux_dispatch.store.cancel import CancelStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.listen_sessions import ListenSessionExpiry, ListenSessionQueries, ListenSessionStore
from flux_dispatch.store.overview import OverviewQueries
from flux_dispatch.store.pages import Page
from flux_dispatch.store.resume import ResumeStore
from flux_dispatch.store.tunnel import TunnelStore
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from tests.support.store_harness import SEALS, SECRET, TIMING, StoreHarness

UNSEEN = 300.0
FIRST = "lst_1"


@pytest.fixture
async def account(world: StoreHarness) -> AccountId:
    account = await world.account()
    await world.advance_clock(0)
    return account


@pytest.fixture
def store(world: StoreHarness) -> ListenSessionStore:
    return ListenSessionStore(world.database, SEALS)


@pytest.fixture
def tunnel(world: StoreHarness) -> TunnelStore:
    return TunnelStore(world.database, SEALS)


@pytest.fixture
def expiry(world: StoreHarness) -> ListenSessionExpiry:
    return ListenSessionExpiry(world.database)


async def begin(store: ListenSessionStore, account: AccountId, token: str = FIRST, most: int = 20) -> ListenSession:
    draft = NewListenSession(token, f"https://flux.example.com/in/{token}", ("*",), "http://localhost:3000")
    made = await store.create(account, draft, SECRET, most=most)
    assert made is not None
    return made


async def ends_told(world: StoreHarness, account: AccountId) -> list[AuditEntry]:
    filters = {"actions": [Action.LISTEN_SESSION_ENDED.value]}
    return await AuditLogQueries(world.database).page(account, Page(9), filters, Reader.PLATFORM)


async def shown(world: StoreHarness, session: ListenSession) -> ListenSession:
    found = await ListenSessionQueries(world.database).get(session.account, session.id)
    assert found is not None
    return found


async def test_one_that_was_made_is_listed_until_it_ends(
    world: StoreHarness, store: ListenSessionStore, account: AccountId
) -> None:
    made = await begin(store, account)
    assert (made.status, made.events, made.ended_at) == (ListenStatus.DISCONNECTED, ("*",), None)
    queries = ListenSessionQueries(world.database)
    assert await queries.page(account, Page(9)) == [made]
    assert await store.end(account, made.id, EndReason.DELETED) is not None
    assert await store.end(account, made.id, EndReason.DELETED) is None
    assert await store.exists(account, made.id)
    assert await queries.page(account, Page(9)) == []
    ended = await shown(world, made)
    assert (ended.status, ended.ended_reason) == (ListenStatus.ENDED, EndReason.DELETED)
    left = (await world.rows("SELECT deleted_at, secrets, sealed_secrets, cancel_at FROM webhooks"))[0]
    assert left.deleted_at is not None
    assert (left.secrets, left.sealed_secrets) == ([], None)
    assert left.cancel_at is not None


async def test_an_account_has_so_many_at_a_time_however_they_are_asked_for(
    world: StoreHarness, store: ListenSessionStore, account: AccountId
) -> None:
    drafts = [NewListenSession(f"lst_{each}", "https://x.example/in/1", ("*",), None) for each in range(9)]
    made = await asyncio.gather(*(store.create(account, each, SECRET, most=3) for each in drafts))
    sessions = [each for each in made if each]
    assert len(sessions) == 3
    await store.end(account, sessions[0].id, EndReason.DELETED)
    await begin(store, account, "lst_further", most=3)
    assert await world.scalar("SELECT count(*) FROM webhooks WHERE deleted_at IS NULL") == 3


async def test_its_webhook_is_no_other_s_and_no_webhook_of_the_account_s(
    world: StoreHarness, store: ListenSessionStore, account: AccountId
) -> None:
    session = await begin(store, account)
    webhooks, queries = WebhookStore(world.database, SEALS), WebhookQueries(world.database, SEALS)
    assert await queries.page(account, Page(9)) == []
    found = await queries.get(account, session.webhook)
    assert found is not None
    assert found.is_listen
    for change in (
        webhooks.update(account, session.webhook, WebhookChange(url="https://elsewhere.example/")),
        webhooks.rotate_secret(account, session.webhook, SECRET, timedelta(0)),
        webhooks.delete(account, session.webhook),
    ):
        with pytest.raises(InvalidRequest, match="listen session") as refused:
            await change
        assert refused.value.code == "webhook_of_listen_session"
    other = await world.account()
    assert await webhooks.update(other, session.webhook, WebhookChange(description="x")) is None
    draft = NewWebhook("https://example.com/", ("*",), "", {}, {})
    assert await webhooks.create(account, draft, SECRET, most=1) is not None, "it is not counted"


async def test_a_command_connects_and_is_seen(
    world: StoreHarness, store: ListenSessionStore, tunnel: TunnelStore, account: AccountId
) -> None:
    session = await begin(store, account)
    connected = await tunnel.connect(account, session.id, "a", "p1")
    assert (connected.epoch, connected.before, connected.target.secrets) == (1, None, (SECRET,))
    assert (await shown(world, session)).status is ListenStatus.CONNECTED
    await world.advance_clock(CONNECTED_FOR.total_seconds() - 1)
    assert (await shown(world, session)).status is ListenStatus.CONNECTED
    assert await tunnel.touch("p1", {session.id: 1}) == {session.id}
    await world.advance_clock(2)
    assert (await shown(world, session)).status is ListenStatus.CONNECTED
    await world.advance_clock(CONNECTED_FOR.total_seconds())
    assert (await shown(world, session)).status is ListenStatus.DISCONNECTED, "its process has died"


async def test_one_command_is_connected_at_a_time(
    world: StoreHarness, store: ListenSessionStore, tunnel: TunnelStore, account: AccountId
) -> None:
    session = await begin(store, account)
    await tunnel.connect(account, session.id, "a", "p1")
    with pytest.raises(SessionInUse):
        await tunnel.connect(account, session.id, "b", "p2")
    again = await tunnel.connect(account, session.id, "a", "p2")
    assert (again.epoch, again.before) == (2, "p1")
    assert await tunnel.touch("p1", {session.id: 1}) == set()
    await tunnel.disconnect(session.id, 1, "p1")
    assert (await shown(world, session)).status is ListenStatus.CONNECTED, "that was the one before"
    await tunnel.disconnect(session.id, 2, "p2")
    assert (await shown(world, session)).status is ListenStatus.DISCONNECTED
    other = await tunnel.connect(account, session.id, "b", "p1")
    assert (other.epoch, other.before) == (3, None)
    await world.advance_clock(CONNECTED_FOR.total_seconds() + 1)
    assert (await tunnel.connect(account, session.id, "c", "p3")).before == "p1"


async def test_who_may_not_connect(
    store: ListenSessionStore, world: StoreHarness, tunnel: TunnelStore, account: AccountId
) -> None:
    session = await begin(store, account)
    with pytest.raises(NotFound):
        await tunnel.connect(await world.account(), session.id, "a", "p1")
    await store.end(account, session.id, EndReason.DELETED)
    with pytest.raises(SessionEnded):
        await tunnel.connect(account, session.id, "a", "p1")
    target = await tunnel.target("lst_1")
    assert target is not None
    assert target.ended_reason is EndReason.DELETED
    assert await tunnel.target("lst_2") is None


async def test_a_vanished_command_s_session_ends_and_is_forgotten(
    world: StoreHarness,
    store: ListenSessionStore,
    tunnel: TunnelStore,
    expiry: ListenSessionExpiry,
    account: AccountId,
) -> None:
    gone, there = await begin(store, account, "lst_1"), await begin(store, account, "lst_2")
    await tunnel.connect(account, gone.id, "a", "p1")
    for _ in range(10):
        await tunnel.connect(account, there.id, "b", "p1")
        assert await expiry.expire(UNSEEN, limit=9) == []
        await world.advance_clock(UNSEEN / 10)
    await tunnel.touch("p1", {there.id: 10})
    await world.advance_clock(1)
    (ended,) = await expiry.expire(UNSEEN, limit=9)
    assert (ended.id, ended.reason, ended.process) == (gone.id, EndReason.UNSEEN, "p1")
    assert await tunnel.end_reasons([gone.id, there.id]) == {gone.id: EndReason.UNSEEN}
    (entry,) = await ends_told(world, account)
    assert (entry.acting, entry.target) == (Acting(Actor(ActorKind.ENGINE)), Target(TargetKind.LISTEN_SESSION, gone.id))
    assert entry.changes == {"reason": (None, "unseen")}
    assert await expiry.prune(limit=9) == 0
    await world.advance_clock(KEPT_FOR.total_seconds() + 1)
    assert await expiry.prune(limit=9) == 1
    assert await tunnel.target("lst_1") is None


async def test_a_session_whose_end_cannot_be_told_does_not_end(
    world: StoreHarness, store: ListenSessionStore, expiry: ListenSessionExpiry, account: AccountId
) -> None:
    session = await begin(store, account)
    await world.advance_clock(UNSEEN + 1)
    await world.do("ALTER TABLE audit_entries ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    with pytest.raises(DBAPIError):
        await expiry.expire(UNSEEN, limit=9)
    assert (await shown(world, session)).ended_at is None


async def test_with_its_account_a_session_ends(
    world: StoreHarness,
    store: ListenSessionStore,
    tunnel: TunnelStore,
    expiry: ListenSessionExpiry,
    account: AccountId,
) -> None:
    session = await begin(store, account)
    await tunnel.connect(account, session.id, "a", "p1")
    await AccountStore(world.database).delete(account)
    target = await tunnel.target("lst_1")
    assert target is not None
    assert target.ended_reason is EndReason.ACCOUNT_DELETED
    assert await tunnel.touch("p1", {session.id: 1}) == set()
    assert await tunnel.end_reasons([session.id]) == {session.id: EndReason.ACCOUNT_DELETED}
    (ended,) = await expiry.expire(UNSEEN, limit=9)
    assert ended.reason is EndReason.ACCOUNT_DELETED
    assert await ends_told(world, account) == [], "that its account was deleted is told, in the platform's log"


async def test_nothing_is_ended_before_the_database_has_answered_for_a_while() -> None:
    class Sessions:
        """Has sessions to end, always, and a database that is away at times."""

        is_away = False
        expired = 0

        async def expire(self, unseen_seconds: float, *, limit: int) -> list[object]:
            assert (unseen_seconds, limit) == (UNSEEN, EXPIRE_BATCH_SIZE)
            self.expired += 1
            return []

        async def prune(self, *, limit: int) -> int:
            if self.is_away:
                raise ConnectionError
            return limit if self.expired == 2 else 0

    sessions = Sessions()
    expire = Expire(sessions, UNSEEN, sure_after_seconds=0.0)  # type: ignore[arg-type] # it returns none
    assert await expire.run_once() == IDLE_SECONDS
    assert sessions.expired == 0, "it has answered once"
    assert await expire.run_once() == IDLE_SECONDS
    assert sessions.expired == 1
    sessions.is_away = True
    with pytest.raises(ConnectionError):
        await expire.run_once()
    sessions.is_away = False
    await expire.run_once()
    assert sessions.expired == 1, "it was away, so nobody could say that they are there"
    await expire.run_once()
    assert sessions.expired == 2
    assert await expire.run_once() == BUSY_SECONDS


class Deliveries:
    """Deliveries of one session, each attempted once with this outcome."""

    def __init__(self, world: StoreHarness, session: ListenSession) -> None:
        self.world = world
        self.session = session
        self.store = DeliveryStore(world.database, TIMING, SEALS)

    async def attempted(self, outcome: Outcome, *, is_last: bool = False) -> DeliveryId:
        delivery = await self.world.delivery(self.session.account)
        batch = await self.store.claim([delivery])
        assert batch is not None
        (claim,) = batch.claims
        assert claim.is_listen
        assert claim.url == self.session.url
        decision = GiveUp("attempts_exhausted") if is_last else RetryAfter(timedelta(minutes=5))
        attempt = Attempt(1, 0.5, outcome)
        settlement = Settlement(claim.account, delivery, claim.lease_token, attempt, decision)
        assert await self.store.settle([settlement])
        if is_last:
            await FailureStore(self.world.database).fail([delivery])
        return delivery

    async def due_in(self, delivery: DeliveryId) -> float | None:
        row = await self.world.state(delivery)
        return None if row.due_at is None else float(row.due_in)


async def test_what_did_not_get_through_is_due_when_a_command_connects(
    world: StoreHarness, store: ListenSessionStore, tunnel: TunnelStore, account: AccountId
) -> None:
    session = await begin(store, account)
    theirs = Deliveries(world, session)
    refused = NoResponse(ErrorClass.CONNECTION_REFUSED, "refused")
    lost = [await theirs.attempted(each) for each in (refused, Rejected(502), Rejected(503), Rejected(504))]
    given_up = await theirs.attempted(Rejected(503), is_last=True)
    answered = [await theirs.attempted(each) for each in (Rejected(500), Rejected(404))]
    assert await world.scalar("SELECT failed_at IS NOT NULL FROM events ORDER BY id OFFSET 4 LIMIT 1")
    await world.advance_clock(10)
    connected = await tunnel.connect(account, session.id, "a", "p1")
    await world.advance_clock(1)
    late = await theirs.attempted(Rejected(502))

    resume = ResumeStore(world.database, TIMING)
    moved: list[tuple[DeliveryId, int]] = []
    while page := await resume.resume(account, session.webhook, connected.connected_at, limit=2):
        moved += page
    assert sorted(moved) == sorted((each, 2) for each in [*lost, given_up])
    for each in [*lost, given_up]:
        row = await world.state(each)
        assert (row.state, row.due_in, row.recovered_after, row.reason) == ("scheduled", 0, 1, None)
    for each in [*answered, late]:
        assert (await theirs.due_in(each) or 0) > 200, "the retry table is kept"
    assert not await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NOT NULL")


async def test_what_fails_there_alarms_nobody(
    world: StoreHarness, store: ListenSessionStore, account: AccountId
) -> None:
    session = await begin(store, account)
    theirs = Deliveries(world, session)
    await theirs.attempted(Rejected(500), is_last=True)
    delivery = await world.delivery(account)
    await world.put(_uuid(delivery), "exhausted")
    await world.do("UPDATE deliveries SET reason = 'gone' WHERE state = 'exhausted'")
    assert await FailureStore(world.database).fail([delivery]) == []
    assert await world.scalar("SELECT count(*) FROM deliveries WHERE state = 'failed'") == 2
    assert await world.scalar("SELECT count(*) FROM alerts") == 0
    assert await world.scalar("SELECT status FROM webhooks") == "enabled", "its answer 410 is not ours to act on"
    await world.do(
        "INSERT INTO webhook_statistics VALUES (CAST(:webhook AS uuid), flux_now(), 9, 0, 9, '{}')",
        webhook=parse_id(Prefix.WEBHOOK, session.webhook),
    )
    assert await OverviewQueries(world.database).needs_attention(account) == []


async def test_what_it_waited_for_is_canceled(
    world: StoreHarness, store: ListenSessionStore, account: AccountId
) -> None:
    session = await begin(store, account)
    await Deliveries(world, session).attempted(Rejected(500))
    await store.end(account, session.id, EndReason.DELETED)
    cleared = await CancelStore(world.database).clear_one(limit=9)
    assert cleared is not None
    assert (cleared.webhook, cleared.canceled) == (WebhookId(session.webhook), 1)


def _uuid(delivery: DeliveryId) -> str:
    return parse_id(Prefix.DELIVERY, delivery)
