"""A small world of alerts: channels, failed deliveries, and a sender that only writes down what it is to send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, cast
from uuid import UUID

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import (
    OF_WEBHOOKS,
    AlertChannel,
    AlertKind,
    CheckedUrl,
    NewAlertChannel,
)
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, WebhookId
from flux_dispatch.domain.notification import Notification
from flux_dispatch.domain.outcome import Attempt, Rejected
from flux_dispatch.domain.own_event import Links
from flux_dispatch.domain.retry import GiveUp
from flux_dispatch.engine.alert import GatherAlerts
from flux_dispatch.engine.notify import Notify
from flux_dispatch.store.alert_channels import AlertChannelQueries, AlertChannelStore
from flux_dispatch.store.alert_digests import note_occurrences
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.notifications import NotificationStore
from flux_dispatch.store.operator_channels import OperatorChannels
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.unsent_alerts import UnsentAlertStore
from tests.support.store_harness import KEYRING, SEALS, TIMING, StoreHarness, event

PACE: Final = AlertPace(
    gather=timedelta(seconds=10),
    windows=(timedelta(minutes=5), timedelta(minutes=30)),
    spacing=timedelta(minutes=3),
)
LINKS: Final = Links("https://flux.example")
CHANNEL_SEALS: Final = ChannelSeals(KEYRING)
URL: Final = CheckedUrl("jsons://example.com/secret", "webhook", "jsons://example.com/…")
OPERATORS: Final = {UUID(int=7): "json://127.0.0.1/ops"}


@dataclass
class Written:
    """In the place of the channels: writes down what it is asked to send, and answers what `answers` holds first."""

    sent: list[Notification] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)
    breaks: bool = False

    async def send(self, notification: Notification) -> str | None:
        self.sent.append(notification)
        if self.breaks:
            raise RuntimeError("a fault of ours")
        return self.answers.pop(0) if self.answers else None


class Alerting:
    """The verbs of alerting on a world's database."""

    def __init__(
        self, world: StoreHarness, *, operators: Mapping[UUID, str] = MappingProxyType({}), pace: AlertPace = PACE
    ) -> None:
        self.world = world
        self.sender = Written()
        named = [(each, CheckedUrl(url, url.partition(":")[0], "127.0.0.1")) for each, url in operators.items()]
        self.channels = AlertChannelStore(world.database, CHANNEL_SEALS)
        self.queries = AlertChannelQueries(world.database, CHANNEL_SEALS)
        self.operators = OperatorChannels(named, list(AlertKind))
        self.notifications = NotificationStore(world.database, CHANNEL_SEALS, self.operators, pace)
        self.gather = GatherAlerts(UnsentAlertStore(world.database, pace), LINKS)
        self.failures = FailureStore(world.database)
        self.notify = Notify(self.notifications, self.sender)

    async def channel(self, account: AccountId, *kinds: AlertKind, service: str = URL.service) -> AlertChannel:
        url = replace(URL, service=service)
        made = await self.channels.create(account, NewAlertChannel(url, "ops", kinds or OF_WEBHOOKS), most=99)
        assert made
        return made

    async def failed(self, account: AccountId, count: int = 1, status: int = 500) -> list[AlertId]:
        """Have as many events given up at each webhook of the account, and return the alerts, untaken."""
        stored = await self.world.publish(*(event(account) for _ in range(count)))
        deliveries = [each for one in stored for each in one.deliveries]
        await exhaust(self.world, deliveries, status)
        return await self.failures.fail(deliveries)

    async def fail(self, account: AccountId, count: int = 1, status: int = 500) -> None:
        """The same, and have people told."""
        await self.gather(await self.failed(account, count, status))

    async def note(self, account: AccountId, webhook: WebhookId, *kinds: AlertKind) -> None:
        """Have these happen to a webhook now, one a second after the other."""
        for kind in kinds:
            await self.world.advance_clock(1)
            await self.note_of_each(account, [webhook], kind)

    async def note_of_each(self, account: AccountId, webhooks: Sequence[WebhookId], kind: AlertKind) -> None:
        """Have this happen to each of these now."""
        now = await self.world.scalar("SELECT flux_now()")
        occurrences = [Occurrence(account, each, kind, 1, now, now, {}) for each in webhooks]
        async with transaction(self.world.database) as connection:
            await note_occurrences(connection, occurrences, PACE)

    async def run(self) -> list[Notification]:
        """Send what is due, and return it."""
        before = len(self.sender.sent)
        while True:
            await self.notify.run_once()
            if not self.notify._sending:
                return self.sender.sent[before:]
            await self.notify.stop()

    async def after(self, seconds: float) -> list[Notification]:
        """Move the clock on, then send what is due."""
        await self.world.advance_clock(seconds)
        return await self.run()


async def exhaust(world: StoreHarness, deliveries: list[DeliveryId], status: int = 500) -> None:
    """Have the last attempt of these fail."""
    store = DeliveryStore(world.database, TIMING, SEALS)
    lease = await store.claim(deliveries)
    assert lease is not None
    attempt = Attempt(5, 0.1, Rejected(status))
    reason = "gone" if status == 410 else "attempts_exhausted"
    await store.settle(
        [Settlement(each.account, each.delivery, each.lease_token, attempt, GiveUp(reason)) for each in lease.claims]
    )


def counts(notification: Notification) -> dict[tuple[WebhookId, AlertKind], int]:
    """Return how often a message tells what, of which webhook."""
    return {(cast(WebhookId, each.subject), each.kind): each.count for each in notification.digests}
