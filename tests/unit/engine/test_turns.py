"""Who is next: accounts take turns, first attempts go before retries, and nobody waits for ever."""

from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.engine.turns import FIRSTS_PER_RETRY, OWN_MESSAGE_FROM, Line, Turns, apart

FLOOD, SMALL = AccountId("acct_flood"), AccountId("acct_small")


def test_accounts_take_turns_and_each_keeps_its_own_order() -> None:
    turns = Turns[str]()
    turns.add(FLOOD, ["f1", "f2", "f3"])
    turns.add(SMALL, ["s1"])
    turns.add(FLOOD, ["f4"])
    assert (turns.length, turns.length_of(FLOOD), turns.length_of(SMALL), turns.length_of(None)) == (5, 4, 1, 0)
    assert [turns.next() for _ in range(6)] == ["f1", "s1", "f2", "f3", "f4", None]
    assert turns.length == turns.length_of(FLOOD) == 0


def test_first_attempts_go_first_and_a_retry_goes_now_and_then() -> None:
    line = Line[str]()
    line.of(is_retry=True).add(FLOOD, ["retry"] * 5)
    line.of(is_retry=False).add(SMALL, ["first"] * 20)
    order = [line.next() for _ in range(18)]
    assert order.count("retry") == 2
    assert order[FIRSTS_PER_RETRY] == "retry"


def test_each_account_gives_as_much_as_it_has_room_for_in_turns() -> None:
    turns = Turns[str]()
    turns.add(FLOOD, ["f1", "f2", "f3", "f4"])
    turns.add(SMALL, ["s1"])
    turns.add(None, ["n1", "n2"])
    room = {FLOOD: 2, SMALL: 5, None: 0}
    assert turns.take(10, room.__getitem__) == [(FLOOD, "f1"), (SMALL, "s1"), (FLOOD, "f2")]
    assert (turns.length, turns.length_of(SMALL)) == (4, 0)
    assert turns.take(10, lambda _: 0) == []
    assert [work for _, work in turns.take(3, lambda _: 9)] == ["n1", "f3", "n2"]


def test_whoever_was_cut_off_is_first_the_next_time() -> None:
    turns = Turns[str]()
    turns.add(FLOOD, ["f1", "f2", "f3"])
    turns.add(SMALL, ["s1", "s2"])
    assert [work for _, work in turns.take(1, lambda _: 9)] == ["f1"]
    assert [work for _, work in turns.take(2, lambda _: 9)] == ["s1", "f2"]


def test_only_those_who_send_much_at_once_get_messages_of_their_own() -> None:
    flood = [(FLOOD, DeliveryId(f"dlv_f{n}")) for n in range(OWN_MESSAGE_FROM)]
    small = [(SMALL, DeliveryId("dlv_s"))]
    assert apart([*small, *flood]) == {None: ["dlv_s"], FLOOD: [delivery for _, delivery in flood]}
    assert apart([]) == {}
