"""A POST begins only when there is a place for it, and time to write down what comes of it."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from flux_dispatch.domain.claim import Claim, ClaimedBatch, ParkedWebhook, Release, Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.domain.outcome import Outcome, Succeeded, Unsent
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.engine.deliver import SETTLE_TIME, UNSENT_PAUSE, Deliver, DeliverLimits
from flux_dispatch.engine.flow.message_progress import DeliveryResult
from flux_dispatch.engine.flow.settler import Settler
from tests.support.queues import SilentQueue
from tests.support.waiting import eventually_async

OURS, HOOK = AccountId("acct_1"), WebhookId("wh_1")
MAX_POST = timedelta(seconds=15)


class Store:
    """Leases whatever it is asked for, for so many seconds, and keeps what comes back."""

    def __init__(self, lease_seconds: float = 60) -> None:
        self.lease_seconds = lease_seconds
        self.saturated: list[WebhookId] = []
        self.released: list[Release] = []
        self.settled: list[DeliveryId] = []
        self.parked = 0

    async def claim(self, deliveries: Sequence[DeliveryId], saturated: Sequence[WebhookId]) -> ClaimedBatch | None:
        self.saturated = list(saturated)
        return self._lease(deliveries)

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        self.settled += [each.delivery for each in settlements]
        return {each.delivery for each in settlements}

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        self.released += releases
        return {each.delivery for each in releases}

    async def parked_webhooks(self, after: WebhookId, limit: int) -> list[ParkedWebhook]:
        assert after < HOOK
        assert limit
        return [ParkedWebhook(HOOK, OURS, is_enabled=True)] if self.parked else []

    async def claim_parked(self, places: Mapping[WebhookId, int]) -> ClaimedBatch | None:
        taken = min(places[HOOK], self.parked)
        self.parked -= taken
        return self._lease([DeliveryId(f"dlv_{self.parked:x}{n:031x}") for n in range(taken)]) if taken else None

    async def unpark(self, webhooks: Sequence[WebhookId], limit: int) -> None:
        raise AssertionError((webhooks, limit))

    def _lease(self, deliveries: Sequence[DeliveryId]) -> ClaimedBatch:
        return ClaimedBatch(datetime.now(UTC), self.lease_seconds, tuple(_claim(each) for each in deliveries))


def _claim(delivery: DeliveryId) -> Claim:
    return Claim(
        delivery, EventId("evt_1"), HOOK, OURS, "lease_token", 1, 0, "https://a.example/", ("whsec_",), {}, b"{}", 2
    )


class Receiver:
    """Accepts everything that comes."""

    def __init__(self) -> None:
        self.got: list[DeliveryId] = []
        self.shortage = ""

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
        assert timestamp
        if self.shortage:
            return Unsent(self.shortage)
        self.got.append(claim.delivery)
        return Succeeded(200)


async def delivering(store: Store, receiver: Receiver) -> Deliver:
    limits = DeliverLimits(
        retry_policy=RetryPolicy.from_seconds([0, 60]),
        delivery_timeout=MAX_POST,
        endpoint_concurrency=4,
        max_waiting_messages=8,
        max_in_flight=1000,
    )
    queue = SilentQueue()
    return Deliver(store, receiver, Settler(store, queue, timedelta(seconds=30)), queue, limits)


@pytest.mark.parametrize("spare_seconds", [-1, SETTLE_TIME.total_seconds() - 0.5])
async def test_a_post_after_which_no_time_would_be_left_to_settle_is_not_begun(spare_seconds: float) -> None:
    store, receiver = Store(MAX_POST.total_seconds() + spare_seconds), Receiver()
    deliver = await delivering(store, receiver)
    assert await deliver([(OURS, DeliveryId("dlv_1"))]) == Counter({DeliveryResult.RELEASED: 1})
    assert receiver.got == []
    assert [each.pause for each in store.released] == [timedelta(0)]


async def test_a_post_that_leaves_enough_time_is_made() -> None:
    store, receiver = Store(MAX_POST.total_seconds() + SETTLE_TIME.total_seconds() + 0.5), Receiver()
    deliver = await delivering(store, receiver)
    assert await deliver([(OURS, DeliveryId("dlv_1"))]) == Counter({DeliveryResult.DELIVERED: 1})


async def test_parked_deliveries_are_taken_up_while_there_are_places_and_then_the_webhook_is_free_again() -> None:
    store, receiver = Store(), Receiver()
    deliver = await delivering(store, receiver)
    deliver._bulkhead._saturated.add(HOOK)
    await deliver([(OURS, DeliveryId("dlv_1"))])
    assert store.saturated == [HOOK]
    store.parked = 9

    async def all_are_settled() -> bool:
        await deliver.take_up_parked()
        return len(store.settled) == 10

    await eventually_async(all_are_settled, "what was parked is settled")
    assert len(set(receiver.got)) == 10
    await deliver([(OURS, DeliveryId("dlv_2"))])
    assert store.saturated == []


async def test_what_could_not_be_sent_is_put_back_spends_no_attempt_and_lets_the_worker_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flux_dispatch.engine.deliver.UNSENT_REST_SECONDS", 0.05)
    store, receiver = Store(), Receiver()
    receiver.shortage = "Too many open files"
    deliver = await delivering(store, receiver)
    began = time.monotonic()
    assert await deliver([(OURS, DeliveryId("dlv_1"))]) == {DeliveryResult.RELEASED: 1}
    assert store.released == [Release(DeliveryId("dlv_1"), "lease_token", UNSENT_PAUSE)]
    receiver.shortage = ""
    assert await deliver([(OURS, DeliveryId("dlv_2"))]) == {DeliveryResult.DELIVERED: 1}
    assert time.monotonic() - began >= 0.05, "it was claimed while the worker rested"
    assert store.settled == [DeliveryId("dlv_2")]
