"""Who is next: accounts are served in turn, first attempts go before retries, and nobody waits for ever."""

from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.fair_queue import FIRSTS_PER_RETRY, AttemptQueue, FairQueue, fair_room

MANY, FEW, OTHER = AccountId("acct_many"), AccountId("acct_few"), AccountId("acct_other")


def filled(**counts: int) -> FairQueue[str]:
    queue = FairQueue[str]()
    for name, count in counts.items():
        queue.add(AccountId(f"acct_{name}"), [f"{name[0]}{n}" for n in range(1, count + 1)])
    return queue


def test_accounts_take_turns_and_each_keeps_its_own_order() -> None:
    queue = filled(many=3, few=1)
    queue.add(MANY, ["m4"])
    assert (queue.length, queue.length_of(MANY), queue.length_of(FEW), queue.length_of(OTHER)) == (5, 4, 1, 0)
    assert [queue.next() for _ in range(6)] == ["m1", "f1", "m2", "m3", "m4", None]
    assert queue.length == queue.length_of(MANY) == 0


def test_first_attempts_go_first_and_a_retry_goes_now_and_then() -> None:
    queue = AttemptQueue[str]()
    queue.select(is_retry=True).add(MANY, ["retry"] * 5)
    queue.select(is_retry=False).add(FEW, ["first"] * 20)
    order = [queue.next() for _ in range(18)]
    assert order.count("retry") == 2
    assert order[FIRSTS_PER_RETRY] == "retry"


def test_each_account_gives_as_much_as_it_has_capacity_for_in_turns() -> None:
    queue = filled(many=4, few=1, other=2)
    capacity = {MANY: 2, FEW: 5, OTHER: 0}
    assert queue.take(10, capacity.__getitem__) == [(MANY, "m1"), (FEW, "f1"), (MANY, "m2")]
    assert (queue.length, queue.length_of(FEW)) == (4, 0)


def test_an_account_without_capacity_is_not_asked_for_again_until_it_is_resumed() -> None:
    queue, asked = filled(many=4, few=1, other=2), list[AccountId]()

    def capacity(account: AccountId) -> int:
        asked.append(account)
        return 0

    assert queue.take(10, capacity) == []
    assert queue.take(10, capacity) == []
    assert asked == [MANY, FEW, OTHER]
    queue.resume(OTHER)
    queue.resume(OTHER)
    assert [work for _, work in queue.take(10, lambda _: 9)] == ["o1", "o2"]
    queue.add(MANY, ["m5"])
    assert queue.take(10, lambda _: 9) == []
    queue.resume_all()
    assert {work for _, work in queue.take(10, lambda _: 9)} == {"m1", "m2", "m3", "m4", "m5", "f1"}


def test_whoever_was_cut_off_is_first_the_next_time() -> None:
    queue = filled(many=3, few=2)
    assert [work for _, work in queue.take(1, lambda _: 9)] == ["m1"]
    assert [work for _, work in queue.take(2, lambda _: 9)] == ["f1", "m2"]


def test_an_account_moves_to_another_queue_with_all_that_it_has_held_or_not() -> None:
    for is_held in (False, True):
        source, target = filled(many=3, few=1), filled(other=1)
        if is_held:
            source.take(9, lambda account: account == FEW)
            source.add(FEW, ["f1"])
        source.move(MANY, target)
        assert (source.length, target.length) == (1, 4)
        source.resume_all()
        assert [source.next(), source.next()] == ["f1", None]
        assert [target.next() for _ in range(5)] == ["o1", "m1", "m2", "m3", None]


@given(st.integers(1, 10_000), st.lists(st.integers(0, 9), max_size=60))
def test_nobody_takes_more_than_he_leaves_free(size: int, takers: list[int]) -> None:
    used = dict.fromkeys(range(10), 0)
    for taker in takers:
        room = fair_room(size, sum(used.values()), used[taker])
        used[taker] += max(room, 0)
        free = size - sum(used.values())
        assert free >= 0
        assert room <= 0 or used[taker] <= free + 1
    assert fair_room(size, 0, 0) == (size + 1) // 2
