"""Random lives of deliveries on the real store: lost, duplicate and late messages, dying workers, jumping time."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from flux_dispatch.domain.claim import Claim, Release, Settlement
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.ids import DeliveryId
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.domain.retry import RetryPolicy, decide
from flux_dispatch.domain.sweep import BEGINNING, SweepAction, share_out
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.sweep import SweepStore
from tests.support.recount import STATUSES_THAT_DIFFER
from tests.support.store_harness import SEALS, TIMING, StoreHarness

TABLE = RetryPolicy.from_seconds([0, 60, 300])
_TIMING = replace(TIMING, rescue_spread=timedelta(0))
"""Without what is left to chance: hypothesis must be able to repeat a life."""

OUTCOMES: list[Outcome] = [
    Succeeded(200),
    Rejected(500),
    Rejected(429, "", 90.0),
    NoResponse(ErrorClass.TIMEOUT),
    Rejected(410),
]
FINAL = {State.DELIVERED, State.FAILED, State.CANCELED}

Value = TypeVar("Value")


class Life(RuleBasedStateMachine):
    """A worker's moves in any order; `claims` are those that some worker holds or believes to hold."""

    url = ""
    deliveries = Bundle("deliveries")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = StoreHarness(open_database(self.url, pool_size=2))
        self.store = DeliveryStore(self.world.database, _TIMING, SEALS)
        self.plan = SweepStore(self.world.database, _TIMING)
        self.failures = FailureStore(self.world.database)
        self.successes: dict[DeliveryId, int] = {}
        self.finals: dict[str, str] = {}
        self.run(
            self.world.do(
                "TRUNCATE accounts, api_keys, portal_links, dashboard_sessions, webhooks, "
                "events, event_statuses, deliveries, attempts, alerts"
            )
        )
        self.run(self.world.advance_clock(0))
        self.account = self.run(self.world.account())
        self.run(self.world.webhook(self.account, "*"))

    def teardown(self) -> None:
        self.run(self.world.database.dispose())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        return self.loop.run_until_complete(work)

    @rule(target=deliveries)
    def publish(self) -> DeliveryId:
        self.webhook_is_enabled()
        return self.run(self.world.delivery(self.account))

    @rule(target=claims, some=st.lists(deliveries, max_size=6))
    def message_comes(self, some: list[DeliveryId]) -> Any:
        """A message comes: in time, late, again, or in another order; it may name a delivery twice."""
        lease = self.run(self.store.claim(some))
        return multiple(*(lease.claims if lease else ()))

    @rule(claim=claims, outcome=st.sampled_from(OUTCOMES))
    def attempt_ends(self, claim: Claim, outcome: Outcome) -> None:
        """An attempt is settled, perhaps after its lease was lost; the same one may try to settle twice."""
        decision = decide(outcome, claim.attempt, TABLE)
        attempt = Attempt(claim.attempt, 0.1, outcome)
        holder = self.run(self.world.state(claim.delivery)).lease_token
        settled = self.run(
            self.store.settle([Settlement(claim.account, claim.delivery, claim.lease_token, attempt, decision)])
        )
        assert bool(settled) == (holder is not None and holder.hex == claim.lease_token), "only the holder settles"
        if isinstance(outcome, Succeeded):
            self.successes[claim.delivery] = self.successes.get(claim.delivery, 0) + len(settled)

    @rule(claim=consumes(claims))
    def attempt_is_given_back(self, claim: Claim) -> None:
        self.run(self.store.release([Release(claim.delivery, claim.lease_token, timedelta(seconds=1))]))

    @rule(claim=consumes(claims))
    def worker_dies(self, claim: Claim) -> None:
        assert claim

    @rule(target=claims, claim=claims)
    def another_worker_takes_over(self, claim: Claim) -> Any:
        """The lease runs out, the sweeper finds it, another worker claims; the first knows nothing of it."""
        self.run(self.world.advance_clock(_TIMING.lease.total_seconds() + 1))
        for retries in (False, True):
            self.planner_looks(retries, is_held=False)
        return self.message_comes([claim.delivery])

    @rule(seconds=st.sampled_from([0.5, 1, 6, 29, 61, 301]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.world.advance_clock(seconds))

    @rule(retries=st.booleans(), is_held=st.booleans())
    def planner_looks(self, retries: bool, is_held: bool) -> None:  # noqa: FBT001 - hypothesis calls it
        if is_held:
            after = BEGINNING, DeliveryId(f"dlv_{'0' * 32}")
            looked, _ = self.run(self.plan.sweep_stranded(retries=retries, after=after, limit=10))
            assert not {SweepAction.ENQUEUE, SweepAction.CANCELED} & {each.action for each in looked}
        else:
            groups = self.run(self.plan.due_groups(retries=retries, after=BEGINNING, limit=10))
            looked = self.run(self.plan.sweep(share_out(groups, 10), retries=retries))
        for found in looked:
            if found.action is SweepAction.WORKER_LOST:
                outcome = NoResponse(ErrorClass.WORKER_LOST)
                decision = decide(outcome, found.attempt, TABLE)
                attempt = Attempt(found.attempt, 0, outcome)
                settlement = Settlement(found.account, found.delivery, str(found.lease_token), attempt, decision)
                assert self.run(self.store.settle([settlement])) == {found.delivery}

    @rule(some=st.lists(deliveries, max_size=6))
    def final_task_comes(self, some: list[DeliveryId]) -> None:
        """The final-failure task comes: in time, again, or for deliveries that are not exhausted at all."""
        self.run(self.failures.fail(some))

    @rule()
    def webhook_is_disabled(self) -> None:
        self.run(self.world.do("UPDATE webhooks SET status = 'disabled'"))

    @rule()
    def webhook_is_enabled(self) -> None:
        self.run(self.world.do("UPDATE webhooks SET status = 'enabled', disabled_reason = NULL"))

    @invariant()
    def every_row_is_whole(self) -> None:
        for row in self.run(self.world.rows("SELECT * FROM deliveries")):
            assert row.attempts <= TABLE.attempts
            assert (row.lease_token is not None) == (row.state == State.SENDING), row
            assert (row.leased_until is not None) == (row.state == State.SENDING), row
            assert (row.sweep_at is None) == (row.state in FINAL), row
            assert (row.due_at is None) == (row.state in FINAL | {State.EXHAUSTED}), row

    @invariant()
    def nobody_leaves_a_final_state(self) -> None:
        now = {row.id.hex: row.state for row in self.run(self.world.rows("SELECT id, state FROM deliveries"))}
        for delivery, state in self.finals.items():
            assert now[delivery] == state
        self.finals = {delivery: state for delivery, state in now.items() if state in FINAL}

    @invariant()
    def attempts_have_no_gaps(self) -> None:
        broken = self.run(
            self.world.rows(
                "SELECT deliveries.id FROM deliveries LEFT JOIN attempts ON delivery_id = deliveries.id "
                "GROUP BY deliveries.id, attempts HAVING count(number) <> attempts OR max(number) <> attempts"
            )
        )
        assert not broken

    @invariant()
    def a_success_is_settled_once(self) -> None:
        assert all(count <= 1 for count in self.successes.values())

    @invariant()
    def each_failure_has_its_alert_and_no_other(self) -> None:
        broken = self.run(
            self.world.rows(
                "SELECT 1 FROM deliveries d "
                "FULL JOIN alerts a ON a.delivery_id = d.id JOIN events e ON e.id = d.event_id "
                "WHERE (d.state = 'failed') <> (a.id IS NOT NULL) OR (d.state = 'failed' AND e.failed_at IS NULL)"
            )
        )
        assert not broken

    @invariant()
    def its_ending_says_what_the_state_says(self) -> None:
        endings = "CASE state WHEN 'delivered' THEN 1 WHEN 'failed' THEN 2 WHEN 'canceled' THEN 3 ELSE 0 END"
        assert not self.run(self.world.rows(f"SELECT 1 FROM deliveries WHERE ending <> {endings}"))  # noqa: S608

    @invariant()
    def the_status_of_each_event_says_what_its_deliveries_say(self) -> None:
        assert not self.run(self.world.rows(STATUSES_THAT_DIFFER))

    @rule()
    def everything_drains(self) -> None:
        """Whatever happened before: with a working worker and a sweeper, nothing stays owed."""
        for _ in range(40):
            self.run(self.world.advance_clock(120))
            for retries in (False, True):
                self.planner_looks(retries, is_held=False)
            owed = self.run(self.world.rows("SELECT id, state FROM deliveries WHERE sweep_at IS NOT NULL"))
            if not owed:
                return
            ids = [DeliveryId(f"dlv_{row.id.hex}") for row in owed]
            lease = self.run(self.store.claim(ids))
            for claim in lease.claims if lease else ():
                self.attempt_ends(claim, Succeeded(200))
            self.run(self.failures.fail(ids))
        raise AssertionError("something is owed for ever")


def test_whatever_happens_the_promises_hold(database_url: str) -> None:
    Life.url = database_url
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=100,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
