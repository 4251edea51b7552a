"""Refused sign-ins are told at once, then counted for a while, and never by more addresses than there is room for."""

import asyncio

from flux_dispatch.dashboard.refused_sign_ins import MAX_ADDRESSES, SEVERAL, RefusedSignIns
from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind
from flux_dispatch.domain.dashboard_session import SignInRefusal
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, ApiKeyId
from flux_dispatch.store.acting import acting, acting_as
from tests.support.waiting import eventually_async

ONE, OTHER = AccountId("acct_1"), AccountId("acct_2")
Told = list[tuple[str | None, AccountId | None, str, int]]
NOBODY = Actor(ActorKind.NOBODY)


def noting(told: Told, window_seconds: float = 60) -> RefusedSignIns:
    async def write(account: AccountId | None, reason: str, times: int) -> None:
        told.append((acting().address, account, reason, times))

    return RefusedSignIns(write, window_seconds=window_seconds)


async def refuse(
    refused: RefusedSignIns, address: str | None, account: AccountId | None, reason: SignInRefusal
) -> None:
    with acting_as(lambda: Acting(Actor(ActorKind.NOBODY), address=address)):
        await refused.note(account, reason)


async def test_the_first_is_told_at_once_and_the_others_when_the_window_is_over() -> None:
    told: Told = []
    refused = noting(told, window_seconds=0.05)
    for _ in range(3):
        await refuse(refused, "192.0.2.1", ONE, SignInRefusal.REVOKED_KEY)
    assert told == [("192.0.2.1", ONE, "revoked_key", 1)]

    async def is_told() -> bool:
        return len(told) == 2

    await eventually_async(is_told, "the window is over")
    assert told[1] == ("192.0.2.1", ONE, "revoked_key", 2)
    await refuse(refused, "192.0.2.1", ONE, SignInRefusal.REVOKED_KEY)
    assert told[2] == told[0], "another window has begun"
    await refused.close()
    assert len(told) == 3, "nothing more came"


async def test_what_came_for_several_reasons_and_accounts_says_so() -> None:
    told: Told = []
    refused = noting(told)
    await refuse(refused, "192.0.2.1", ONE, SignInRefusal.REVOKED_KEY)
    await refuse(refused, "192.0.2.1", ONE, SignInRefusal.USED_LINK)
    await refuse(refused, "192.0.2.1", OTHER, SignInRefusal.EXPIRED_KEY)
    await refused.close()
    assert told[1] == ("192.0.2.1", None, SEVERAL, 2)


async def test_each_is_told_of_whose_key_was_refused_and_of_no_other() -> None:
    told: list[tuple[Actor, AccountId | None, int]] = []

    async def write(account: AccountId | None, _: str, times: int) -> None:
        told.append((acting().actor, account, times))

    keys = [Actor(ActorKind.NOBODY, api_key=ApiKeyId(f"key_{number}"), name=f"{number}") for number in range(2)]
    for actors, expected in (([keys[1], keys[1]], keys[1]), ([NOBODY], NOBODY), ([keys[1], NOBODY], NOBODY)):
        told.clear()
        refused = RefusedSignIns(write)
        for actor in [keys[0], *actors]:
            with acting_as(lambda actor=actor: Acting(actor, address="192.0.2.1")):
                await refused.note(OTHER if actor.api_key else None, SignInRefusal.REVOKED_KEY)
        await refused.close()
        account = OTHER if expected is keys[1] else None
        assert told == [(keys[0], OTHER, 1), (expected, account, len(actors))]


async def test_a_network_of_ipv6_is_one_address_and_there_is_room_for_so_many() -> None:
    told: Told = []
    refused = noting(told)
    for number in range(9):
        await refuse(refused, f"2001:db8::{number}", None, SignInRefusal.UNKNOWN_KEY)
    assert len(told) == 1
    for number in range(2 * MAX_ADDRESSES):
        await refuse(refused, f"2001:db8:{number:x}::1", None, SignInRefusal.UNKNOWN_KEY)
    await refuse(refused, None, None, SignInRefusal.UNKNOWN_KEY)
    assert len(told) == MAX_ADDRESSES + 1
    first_of_others = told[-1][0]
    await refused.close()
    assert first_of_others is not None
    assert [address for address, *_ in told].count(first_of_others) == 1, "the others had addresses of their own"
    assert sum(times for *_, times in told) == 9 + 2 * MAX_ADDRESSES + 1


async def test_what_cannot_be_told_in_the_end_ends_nothing() -> None:
    calls = []

    async def write(*given: object) -> None:
        calls.append(given)
        if len(calls) > 1:
            raise Unavailable("It is away.")

    refused = RefusedSignIns(write)
    for _ in range(2):
        await refuse(refused, "192.0.2.1", None, SignInRefusal.UNKNOWN_KEY)
    await refused.close()
    assert len(calls) == 2
    assert len(asyncio.all_tasks()) == 1
