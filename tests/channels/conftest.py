"""Senders as a worker has them: for customers under the guard, and for operators."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from flux_dispatch.channels.apart import ApartSenders, Rules
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId, AlertChannelId, NotificationId
from flux_dispatch.domain.notification import Digest, Notification
from tests.support.alerting import LINKS

LOOPBACK = ("127.0.0.0/8",)
ACCOUNT = AccountId(f"acct_{1:032x}")
AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def sender_with(rules: Rules, max_seconds: float = 20) -> ChannelSender:
    customers = ApartSenders(rules, max_seconds=max_seconds)
    return ChannelSender(customers, ApartSenders(Rules(is_guarded=False)), LINKS, ("Webhooks", "Flux Dispatch"))


@pytest.fixture
async def allowed() -> AsyncIterator[ChannelSender]:
    """One that may reach this machine."""
    sender = sender_with(Rules(is_guarded=True, allow=LOOPBACK))
    yield sender
    await sender.close()


@pytest.fixture
async def guarded() -> AsyncIterator[ChannelSender]:
    """One that may reach public addresses only, as customers' may."""
    sender = sender_with(Rules(is_guarded=True))
    yield sender
    await sender.close()


def notification(url: str, *digests: Digest, account: AccountId | None = ACCOUNT) -> Notification:
    return Notification(
        id=NotificationId(f"ntf_{2:032x}"),
        channel=AlertChannelId(f"chan_{3:032x}"),
        account=account,
        service="email",
        digests=digests or (failed(),),
        beyond={},
        attempt=1,
        lease_token="",
        created_at=AT,
        url=url,
    )


def failed(count: int = 1, endpoint: str = "https://example.com/hooks") -> Digest:
    return Digest(
        kind=AlertKind.DELIVERY_FAILED,
        subject=f"wh_{4:032x}",
        account=ACCOUNT,
        endpoint=endpoint,
        name="",
        count=count,
        first_at=AT,
        last_at=AT.replace(minute=40),
        detail={
            "delivery": f"dlv_{5:032x}",
            "event_type": "order.completed",
            "attempts": 5,
            "reason": "attempts_exhausted",
            "advice": "Your endpoint answered 500. Look into its log.",
        },
    )
