"""Who signs in stays signed in for their time, and no longer than what let them in; tokens are kept as digests."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from flux_dispatch.domain.api_key import ApiKey, NewApiKey, Scope
from flux_dispatch.domain.dashboard_session import ABSOLUTE, IDLE, DashboardSession, SignedInBy
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.domain.secret_token import digest
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.dashboard_sessions import FORGOTTEN_AT_ONCE, DashboardSessionStore
from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async

QUARTER_HOUR = timedelta(minutes=15)
PORTAL = {Scope.READ, Scope.WEBHOOKS_WRITE, Scope.EVENTS_WRITE, Scope.AUDIT_LOG_READ}


@pytest.fixture
def sessions(world: StoreHarness) -> DashboardSessionStore:
    return DashboardSessionStore(world.database)


async def new_link(world: StoreHarness, account: AccountId | None) -> str:
    return (await PortalLinkStore(world.database).create(account, QUARTER_HOUR)).token


async def new_key(world: StoreHarness, account: AccountId | None, *scopes: str, ends: datetime | None = None) -> ApiKey:
    made = await ApiKeyStore(world.database).add(account, NewApiKey(scopes or (Scope.READ,), expires_at=ends))
    assert made
    return made[0]


async def signed_in(world: StoreHarness, account: AccountId | None) -> tuple[str, DashboardSession]:
    begun = await DashboardSessionStore(world.database).sign_in_by_link(await new_link(world, account))
    assert begun
    return begun


async def now(world: StoreHarness) -> datetime:
    moment: datetime = await world.scalar("SELECT flux_now()")
    return moment


async def test_a_customer_s_link_begins_a_session_of_their_account(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, session = await signed_in(world, account)
    assert await sessions.find(token) == session
    assert (session.account, session.is_operator) == (account, False)
    assert (session.signed_in_by, session.scopes) == (SignedInBy.PORTAL_LINK, PORTAL)
    assert (session.created_at, session.expires_at) == (await now(world), await now(world) + ABSOLUTE)
    stored = await world.scalar("SELECT id FROM dashboard_sessions")
    assert session.id == format_id(Prefix.DASHBOARD_SESSION, stored.hex)
    assert await world.scalar("SELECT used_at FROM portal_links") == await now(world)


async def test_a_link_of_no_account_signs_an_operator_in(world: StoreHarness, sessions: DashboardSessionStore) -> None:
    token, session = await signed_in(world, None)
    assert await sessions.find(token) == session
    assert (session.account, session.is_operator) == (None, True)
    assert (session.signed_in_by, session.scopes) == (SignedInBy.OPERATOR_LINK, {Scope.ADMIN})


async def test_a_link_signs_in_once(world: StoreHarness, sessions: DashboardSessionStore, account: AccountId) -> None:
    link = await new_link(world, account)
    assert await sessions.sign_in_by_link(link)
    assert await sessions.sign_in_by_link(link) is None
    assert await world.scalar("SELECT count(*) FROM dashboard_sessions") == 1


async def test_of_ten_who_come_at_once_by_one_link_one_is_signed_in(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    link = await new_link(world, account)
    begun = await asyncio.gather(*(sessions.sign_in_by_link(link) for _ in range(10)))
    (token,) = [each[0] for each in begun if each]
    assert await sessions.find(token)
    assert await world.scalar("SELECT count(*) FROM dashboard_sessions") == 1


async def test_a_link_whose_session_cannot_be_stored_is_not_used_up(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    link = await new_link(world, account)
    await world.do("ALTER TABLE dashboard_sessions ADD CONSTRAINT never CHECK (false)")
    with pytest.raises(Exception, match="never"):
        await sessions.sign_in_by_link(link)
    await world.do("ALTER TABLE dashboard_sessions DROP CONSTRAINT never")
    assert await sessions.sign_in_by_link(link)


async def test_a_link_that_is_over_or_unknown_or_of_a_deleted_account_signs_nobody_in(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    in_time, late, gone = [await new_link(world, account) for _ in range(3)]
    await world.advance_clock(QUARTER_HOUR.total_seconds() - 1)
    assert await sessions.sign_in_by_link(in_time)
    await world.advance_clock(1)
    assert await sessions.sign_in_by_link(late) is None
    await AccountStore(world.database).delete(account)
    await world.advance_clock(-QUARTER_HOUR.total_seconds())
    for token in (gone, "", late[:-1], "é\0", "\udcff"):
        assert await sessions.sign_in_by_link(token) is None
    assert await world.scalar("SELECT count(*) FROM dashboard_sessions") == 1
    assert await world.scalar("SELECT count(*) FROM portal_links WHERE used_at IS NOT NULL") == 1


async def test_the_token_itself_is_nowhere_in_its_row(world: StoreHarness, account: AccountId) -> None:
    token, _ = await signed_in(world, account)
    assert len(token) >= 43
    (row,) = await world.rows("SELECT *, CAST(session AS text) AS shown FROM dashboard_sessions AS session")
    assert bytes(row.digest) == digest(token)
    assert token not in row.shown
    assert token.encode().hex() not in row.shown


async def test_a_key_begins_a_session_that_may_do_what_the_key_may(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, session = await sessions.sign_in_by_key(await new_key(world, account, "read", "event_types:write"))
    assert await sessions.find(token) == session
    assert (session.account, session.is_operator) == (account, False)
    assert (session.signed_in_by, session.scopes) == (SignedInBy.API_KEY, {Scope.READ, Scope.EVENT_TYPES_WRITE})
    assert session.expires_at == await now(world) + ABSOLUTE


async def test_a_platform_key_s_session_is_an_operator_s_and_may_no_more_than_the_key(
    world: StoreHarness, sessions: DashboardSessionStore
) -> None:
    token, session = await sessions.sign_in_by_key(await new_key(world, None, "read"))
    assert await sessions.find(token) == session
    assert (session.is_operator, session.scopes) == (True, {Scope.READ})


async def test_a_session_does_not_outlive_its_key_s_time(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    soon, later = await now(world) + timedelta(hours=1), await now(world) + 2 * ABSOLUTE
    token, session = await sessions.sign_in_by_key(await new_key(world, account, ends=soon))
    _, other = await sessions.sign_in_by_key(await new_key(world, account, ends=later))
    assert (session.expires_at, other.expires_at) == (soon, await now(world) + ABSOLUTE)
    await world.advance_clock(3599)
    assert await sessions.find(token) == session
    await world.advance_clock(1)
    assert await sessions.find(token) is None


async def test_a_session_ends_when_its_key_s_end_is_moved_forward(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, _ = await sessions.sign_in_by_key(await new_key(world, account))
    await world.do("UPDATE api_keys SET expires_at = flux_now()")
    assert await sessions.find(token) is None


async def test_a_revoked_key_ends_its_sessions_and_no_others(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    keys = [await new_key(world, account), await new_key(world, account)]
    ended, *others = [*[await sessions.sign_in_by_key(key) for key in keys], await signed_in(world, account)]
    await ApiKeyStore(world.database).revoke(keys[0].id)
    assert await sessions.find(ended[0]) is None
    assert [await sessions.find(token) for token, _ in others] == [session for _, session in others]


async def test_nobody_of_a_deleted_account_stays_signed_in(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    gone = [await signed_in(world, account), await sessions.sign_in_by_key(await new_key(world, account))]
    stays = await signed_in(world, await world.account())
    await AccountStore(world.database).delete(account)
    assert [await sessions.find(token) for token, _ in gone] == [None, None]
    assert await sessions.find(stays[0]) == stays[1]


async def test_a_session_ends_when_it_is_not_used_for_twelve_hours(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, session = await signed_in(world, account)
    for _ in range(3):
        await world.advance_clock(IDLE.total_seconds() - 1)
        assert await sessions.find(token) == session
    await world.advance_clock(IDLE.total_seconds())
    assert await sessions.find(token) is None


async def test_a_session_ends_after_seven_days_however_much_it_is_used(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, session = await signed_in(world, account)
    for _ in range(7 * 4 - 1):
        await world.advance_clock(6 * 3600)
        assert await sessions.find(token) == session
    await world.advance_clock(6 * 3600 - 1)
    assert await sessions.find(token) == session
    await world.advance_clock(1)
    assert await sessions.find(token) is None


async def test_that_a_session_is_used_is_written_once_a_minute(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, _ = await signed_in(world, account)
    version = "SELECT xmin::text, last_used_at FROM dashboard_sessions"
    written = [await world.rows(version)]
    for seconds in (0, 59, 1, 59, 0, 1):
        await world.advance_clock(seconds)
        await asyncio.gather(*(sessions.find(token) for _ in range(10)))
        written.append(await world.rows(version))
    assert [after != before for before, after in pairwise(written)] == [
        *(False, False, True),
        *(False, False, True),
    ]
    assert written[-1][0].last_used_at == await now(world)


async def test_requests_that_come_at_once_write_it_once(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, _ = await signed_in(world, account)
    await world.do("CREATE SEQUENCE writes")
    await world.do(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM nextval(''writes''); RETURN NULL; END'"
    )
    await world.do("CREATE TRIGGER note AFTER UPDATE ON dashboard_sessions FOR EACH ROW EXECUTE FUNCTION note()")
    await world.advance_clock(60)

    async def all_wait() -> bool:
        return await world.scalar(_WAITING) == 5

    async with transaction(world.database) as connection:
        await connection.execute(text("SELECT FROM dashboard_sessions FOR UPDATE"))
        finding = asyncio.gather(*(sessions.find(token) for _ in range(5)))
        await eventually_async(all_wait, "each of them waits for the row")
    assert all(await finding)
    assert await world.scalar("SELECT last_value FROM writes WHERE is_called") == 1


_WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_what_is_no_token_finds_nothing(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, session = await signed_in(world, account)
    for other in ("", token[:-1], token + "\n", session.id, "é\0", "\udcff"):
        assert await sessions.find(other) is None


async def test_a_scope_of_a_later_release_gives_nothing(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    token, _ = await signed_in(world, account)
    await world.do("UPDATE dashboard_sessions SET scopes = '{read,fly}'")
    session = await sessions.find(token)
    assert session
    assert session.scopes == {Scope.READ}


async def test_who_signs_out_is_signed_out_alone(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    (token, _), (other, stays) = await signed_in(world, account), await signed_in(world, account)
    for _ in range(2):
        await sessions.end(token)
        assert await sessions.find(token) is None
    assert await sessions.find(other) == stays


async def test_everybody_of_an_account_is_signed_out_or_every_operator(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    other = await world.account()
    begun = {owner: await signed_in(world, owner) for owner in (account, other, None)}
    await sessions.sign_in_by_key(await new_key(world, account))
    await sessions.sign_in_by_key(await new_key(world, None))
    assert [await sessions.end_all(each) for each in (account, account)] == [2, 0]
    assert [await sessions.find(token) is not None for token, _ in begun.values()] == [False, True, True]
    assert [await sessions.end_all(each) for each in (None, None)] == [2, 0]
    assert [await sessions.find(token) is not None for token, _ in begun.values()] == [False, True, False]


async def test_sessions_that_are_over_are_forgotten_some_at_each_sign_in(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    old = FORGOTTEN_AT_ONCE * 3 // 2
    await world.do(
        "INSERT INTO dashboard_sessions (digest, account_id, scopes, signed_in_by, expires_at) "
        "SELECT int4send(n), CAST(:account AS uuid), '{read}', 'portal_link', flux_now() - n * interval '1 second' "
        "FROM generate_series(0, :old - 1) AS n",
        account=parse_id(Prefix.ACCOUNT, account),
        old=old,
    )
    left, begun = [], []
    for _ in range(3):
        begun.append(await signed_in(world, await world.account()))
        left.append(await world.scalar("SELECT count(*) FROM dashboard_sessions"))
    assert left == [old - FORGOTTEN_AT_ONCE + 1, 2, 3]
    assert all([await sessions.find(token) for token, _ in begun])


async def test_the_release_before_erases_an_account_whose_people_are_signed_in(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    stays = await signed_in(world, None)
    await signed_in(world, account)
    await sessions.sign_in_by_key(await new_key(world, account))
    for statement in ("DELETE FROM portal_links WHERE account_id = :id", "DELETE FROM api_keys WHERE account_id = :id"):
        await world.do(statement.replace(":id", "CAST(:id AS uuid)"), id=parse_id(Prefix.ACCOUNT, account))
    assert await world.scalar("SELECT count(*) FROM dashboard_sessions") == 2
    await world.do("DELETE FROM accounts")
    assert await world.scalar("SELECT count(*) FROM dashboard_sessions") == 1
    assert await sessions.find(stays[0]) == stays[1]


async def test_old_links_of_operators_are_forgotten_with_the_next_one(world: StoreHarness, account: AccountId) -> None:
    await new_link(world, None)
    await new_link(world, account)
    await world.advance_clock((QUARTER_HOUR + timedelta(days=1)).total_seconds() + 1)
    await new_link(world, None)
    assert await world.scalar("SELECT count(*) FROM portal_links WHERE account_id IS NULL") == 1
    assert await world.scalar("SELECT count(*) FROM portal_links") == 2


async def test_sessions_are_looked_at_together_and_that_is_no_use_of_them(
    world: StoreHarness, sessions: DashboardSessionStore, account: AccountId
) -> None:
    await world.advance_clock(0)
    (first, _), (second, _) = await signed_in(world, account), await signed_in(world, None)
    assert await sessions.still_open([first, second, "another", first]) == {first, second}
    assert await sessions.still_open([]) == set()
    await world.advance_clock(IDLE.total_seconds() / 2)
    assert await sessions.find(second)
    await sessions.still_open([first, second])
    await world.advance_clock(IDLE.total_seconds() / 2)
    assert await sessions.still_open([first, second]) == {second}
    await world.do("UPDATE accounts SET deleted_at = flux_now()")
    assert await sessions.still_open([second]) == {second}, "an operator's is no account's"
