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


def test_what_may_not_go_is_left_where_it_is() -> None:
    line = Line[str]()
    line.of(is_retry=True).add(FLOOD, ["retry"])
    line.of(is_retry=False).add(SMALL, ["first"])
    assert line.next(may_start=False, may_retry=False) is None
    assert line.next(may_start=False) == "retry"
    assert line.next(may_start=False) is None
    assert line.next(may_retry=False) == "first"


def test_only_those_who_send_much_at_once_get_messages_of_their_own() -> None:
    flood = [(FLOOD, DeliveryId(f"dlv_f{n}")) for n in range(OWN_MESSAGE_FROM)]
    small = [(SMALL, DeliveryId("dlv_s"))]
    assert apart([*small, *flood]) == {None: ["dlv_s"], FLOOD: [delivery for _, delivery in flood]}
    assert apart([]) == {}
