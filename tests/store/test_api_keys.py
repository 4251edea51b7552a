"""Keys are found by what they are, kept as digests, and end when they are revoked."""

import pytest

from flux_dispatch.domain.api_key import Scope, digest, encode_api_key, is_well_formed
from flux_dispatch.domain.errors import MalformedId
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.store_harness import StoreHarness


async def test_a_key_is_found_by_itself_alone(world: StoreHarness) -> None:
    keys, account = ApiKeyStore(world.database), await world.account()
    made, key = await keys.create(account, [Scope.READ, Scope.EVENTS_WRITE])
    assert is_well_formed(key)
    assert await keys.find(key) == made
    assert (made.account, made.scopes, made.revoked_at) == (account, ("read", "events:write"), None)
    assert key.endswith(made.last4)
    for other in (encode_api_key(bytes(24)), key.lower(), key[:-1], "", made.id, "é\0"):
        assert await keys.find(other) is None


async def test_the_key_itself_is_nowhere_in_its_row(world: StoreHarness) -> None:
    _, key = await ApiKeyStore(world.database).create(None, [Scope.ADMIN])
    (row,) = await world.rows("SELECT *, CAST(api_keys AS text) AS shown FROM api_keys")
    assert bytes(row.digest) == digest(key)
    assert key[8:40] not in row.shown
    assert key[-4:] == row.last4


async def test_two_keys_are_never_the_same(world: StoreHarness) -> None:
    keys, account = ApiKeyStore(world.database), await world.account()
    made = [await keys.create(account, [Scope.ADMIN]) for _ in range(5)]
    assert len({key for _, key in made}) == len({record.id for record, _ in made}) == 5


async def test_a_revoked_key_is_not_found_and_stays_listed(world: StoreHarness) -> None:
    keys, account = ApiKeyStore(world.database), await world.account()
    (first, key), (second, other) = [await keys.create(account, [Scope.ADMIN]) for _ in range(2)]
    assert await keys.revoke(first.id)
    assert await keys.find(key) is None
    assert await keys.find(other) == second
    listed = await keys.list_all(account)
    assert [each.id for each in listed] == [first.id, second.id]
    assert [each.revoked_at is not None for each in listed] == [True, False]


async def test_a_key_is_revoked_once(world: StoreHarness) -> None:
    keys = ApiKeyStore(world.database)
    made, _ = await keys.create(None, [Scope.ADMIN])
    assert await keys.revoke(made.id)
    (revoked,) = await keys.list_all()
    await world.advance_clock(60)
    assert not await keys.revoke(made.id)
    assert await keys.list_all() == [revoked]
    assert not await keys.revoke("key_" + "0" * 32)


@pytest.mark.parametrize("text", ["", "key_", "acct_" + "0" * 32, "key_" + "G" * 32])
async def test_an_id_that_is_none_is_said_to_be(world: StoreHarness, text: str) -> None:
    with pytest.raises(MalformedId, match="key_ followed by"):
        await ApiKeyStore(world.database).revoke(text)


async def test_keys_are_listed_of_one_account_or_of_all(world: StoreHarness) -> None:
    keys, account, other = ApiKeyStore(world.database), await world.account(), await world.account()
    owners = [account, None, other, account]
    made = [(await keys.create(owner, [Scope.READ]))[0] for owner in owners]
    assert await keys.list_all() == made
    assert await keys.list_all(account) == [made[0], made[3]]
    assert await keys.list_all(await world.account()) == []
