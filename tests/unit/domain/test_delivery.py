"""Every pair of state and move does what the table says, and nothing else."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.delivery import OPEN, TRANSITIONS, State, Transition, next_state, sources, target
from flux_dispatch.domain.errors import IllegalTransition

# written out again, by hand: what the product promises, whatever the table says
PROMISED = {
    "pending": {"claim": "sending", "cancel": "canceled"},
    "sending": {"succeed": "delivered", "retry": "scheduled", "exhaust": "exhausted", "release": "scheduled"},
    "scheduled": {"claim": "sending", "cancel": "canceled"},
    "exhausted": {"fail": "failed"},
    "delivered": {},
    "failed": {"recover": "scheduled"},
    "canceled": {"recover": "scheduled"},
}


@pytest.mark.parametrize(("state", "by"), list(product(State, Transition)))
def test_every_pair_leads_where_it_was_promised_or_is_refused(state: State, by: Transition) -> None:
    promised = PROMISED[state].get(by)
    if promised is None:
        with pytest.raises(IllegalTransition, match=f"A {state} delivery cannot {by}"):
            next_state(state, by)
    else:
        assert next_state(state, by) == promised


def test_states_are_open_while_something_is_owed() -> None:
    assert {"pending", "sending", "scheduled", "exhausted"} == OPEN


def test_open_states_are_those_that_are_left_without_a_recovery() -> None:
    assert {state for state, by in TRANSITIONS if by is not Transition.RECOVER} == OPEN


@given(st.lists(st.sampled_from(Transition)))
def test_a_delivered_delivery_stays_delivered(transitions: list[Transition]) -> None:
    for by in transitions:
        with pytest.raises(IllegalTransition):
            next_state(State.DELIVERED, by)


@given(st.lists(st.sampled_from(Transition), max_size=40))
def test_whatever_happens_an_end_can_still_be_reached(transitions: list[Transition]) -> None:
    state = State.PENDING
    for by in transitions:
        if (state, by) in TRANSITIONS:
            state = next_state(state, by)
    assert _ends_reachable_from(state) & {State.DELIVERED, State.FAILED, State.CANCELED}


@pytest.mark.parametrize("by", Transition)
def test_statements_get_the_sources_and_the_target_of_the_table(by: Transition) -> None:
    assert {(source, target(by)) for source in sources(by)} == {
        (state, transitions[by]) for state, transitions in PROMISED.items() if by in transitions
    }


def test_the_table_cannot_be_changed_while_it_runs() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[State.DELIVERED, Transition.RETRY] = State.SCHEDULED  # type: ignore[index]


def _ends_reachable_from(state: State) -> set[State]:
    reached = {state}
    while more := {to for (source, _), to in TRANSITIONS.items() if source in reached} - reached:
        reached |= more
    return reached - OPEN
