"""Has deliveries attempted as a worker does, with the end that a test wants."""

from collections.abc import Sequence
from datetime import timedelta

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import DeliveryId
from flux_dispatch.domain.outcome import Attempt, Outcome, Rejected, Succeeded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from tests.support.store_harness import SEALS, TIMING, StoreHarness

DELIVERED = Succeeded(200)
REJECTED = Rejected(503, "down")


async def attempt(world: StoreHarness, deliveries: Sequence[DeliveryId], outcome: Outcome = DELIVERED) -> None:
    """Attempt each once; what is not delivered is due again at once."""
    await _end(world, deliveries, outcome, Done() if isinstance(outcome, Succeeded) else RetryAfter(timedelta(0)))


async def give_up(world: StoreHarness, deliveries: Sequence[DeliveryId], outcome: Outcome = REJECTED) -> None:
    """Attempt each for the last time, in vain; one that answers 410 has its webhook disabled."""
    is_gone = isinstance(outcome, Rejected) and outcome.is_gone
    await _end(world, deliveries, outcome, GiveUp("gone" if is_gone else "attempts_exhausted"))
    await FailureStore(world.database).fail(deliveries)


async def _end(world: StoreHarness, deliveries: Sequence[DeliveryId], outcome: Outcome, decision: Decision) -> None:
    store = DeliveryStore(world.database, TIMING, SEALS)
    lease = await store.claim(deliveries)
    assert lease is not None
    settlements = [
        Settlement(each.account, each.delivery, each.lease_token, Attempt(each.attempt, 0.1, outcome), decision)
        for each in lease.claims
    ]
    assert await store.settle(settlements) == set(deliveries)
