"""A POST that could not be begun for want of something of ours goes back as it came."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flux_dispatch.domain.claim import Claim, Lease, Release, Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.domain.outcome import Outcome, Unsent
from flux_dispatch.domain.retry import RetryTable
from flux_dispatch.engine.batch import Word
from flux_dispatch.engine.deliver import UNSENT_PAUSE, Deliver, Rules
from flux_dispatch.engine.settling import Settling

DELIVERY = DeliveryId("dlv_" + "1" * 32)


class Store:
    """Leases what it is asked for, and writes down how each lease ended."""

    def __init__(self) -> None:
        self.settled: list[Settlement] = []
        self.released: list[Release] = []

    async def claim(self, deliveries: Sequence[DeliveryId]) -> Lease | None:
        claims = tuple(
            Claim(
                delivery=each,
                event=EventId("evt_" + "2" * 32),
                webhook=WebhookId("wh_" + "3" * 32),
                account=AccountId("acct_" + "4" * 32),
                token="0" * 32,
                attempt=1,
                wait_seconds=0,
                url="https://receiver.example/",
                secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
                headers={},
                body=b"{}",
            )
            for each in deliveries
        )
        return Lease(datetime.now(UTC), 25, claims)

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        self.settled += settlements
        return {each.delivery for each in settlements}

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        self.released += releases
        return {each.delivery for each in releases}


class Bell:
    """Writes down what it was rung for."""

    def __init__(self) -> None:
        self.rung: list[DeliveryId] = []

    def deliver(
        self,
        deliveries: Sequence[DeliveryId],
        *,
        attempt: int,  # noqa: ARG002 - the shape of a bell
        countdown_seconds: float,  # noqa: ARG002
        account: AccountId | None,  # noqa: ARG002
    ) -> None:
        self.rung += deliveries

    def fail(self, deliveries: Sequence[DeliveryId]) -> None:
        self.rung += deliveries


class NoSockets:
    """Begins no POST, and counts those that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[DeliveryId, int]] = []

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
        self.asked.append((claim.delivery, timestamp))
        return Unsent("Too many open files")


async def test_what_could_not_be_sent_is_put_back_and_spends_no_attempt() -> None:
    store, sender, bell = Store(), NoSockets(), Bell()
    settling = Settling(store, bell, timedelta(hours=1))
    rules = Rules(RetryTable.from_seconds((0, 60)), timedelta(seconds=15), endpoint_concurrency=1, most_waiting=1)
    deliver = Deliver(store, sender, settling, bell, rules)
    for _ in range(2):  # the second finds its place at the endpoint free again
        assert await deliver([DELIVERY]) == {Word.PUT_BACK: 1}
    await deliver.stop()
    assert len(sender.asked) == 2
    assert store.released == [Release(DELIVERY, "0" * 32, UNSENT_PAUSE)] * 2
    assert store.settled == []
    assert bell.rung == []
