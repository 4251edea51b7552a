"""PagerDuty's Events API: one incident for each webhook or condition, closed when that is over."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from flux_dispatch.channels import apart
from flux_dispatch.channels.apart import Rules
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.condition import Condition
from flux_dispatch.domain.notification import Beyond, Digest
from tests.channels.conftest import ACCOUNT, AT, LOOPBACK, failed, notification, sender_with
from tests.support.alerting import LINKS
from tests.support.receiver import Receiver

URL = "pagerduty://integration-key@events"
WEBHOOK = f"wh_{4:032x}"
OTHER = f"wh_{6:032x}"


PROGRAM = """
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP
from flux_dispatch.channels.process import main
PAGERDUTY_API_LOOKUP["us"] = "{url}/v2/enqueue"
main()
"""
"""The process as it is, to which PagerDuty is somewhere else."""


@pytest.fixture
def pagerduty() -> Iterator[Receiver]:
    """What stands in for events.pagerduty.com."""
    with Receiver(answer=lambda _: 202) as receiver:
        yield receiver


@pytest.fixture
async def sender(pagerduty: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChannelSender]:
    """One that may reach this machine, and takes it for PagerDuty."""
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-P", "-B", "-c", PROGRAM.format(url=pagerduty.url)))
    sender = sender_with(Rules(is_guarded=True, allow=LOOPBACK))
    yield sender
    await sender.close()


def told(pagerduty: Receiver) -> list[tuple[str, str, str | None]]:
    """Return what it was told since the last time: the action, the key, and the first line where there is one."""
    bodies: list[dict[str, Any]] = [json.loads(each.body) for each in pagerduty.requests]
    pagerduty.requests.clear()
    assert {each["routing_key"] for each in bodies} <= {"integration-key"}
    return [
        (
            each["event_action"],
            each["dedup_key"],
            each["payload"]["summary"].partition("\n")[0].strip() if "payload" in each else None,
        )
        for each in bodies
    ]


def of(kind: AlertKind, subject: str = WEBHOOK, **more: Any) -> Digest:
    is_condition = kind in {AlertKind.PLATFORM_TROUBLE, AlertKind.PLATFORM_WELL}
    account, endpoint = (None, "") if is_condition else (ACCOUNT, "https://example.com/hooks")
    return Digest(kind, subject, account, endpoint, "", 1, AT, AT, {"attempts": 9}, **more)


async def test_an_incident_is_closed_when_its_webhook_delivers_again(
    sender: ChannelSender, pagerduty: Receiver
) -> None:
    began = notification(URL, of(AlertKind.WEBHOOK_FAILING), failed(), of(AlertKind.WEBHOOK_DISABLED, OTHER))
    assert await sender.send(began) is None
    assert told(pagerduty) == [
        ("trigger", WEBHOOK, "https://example.com/hooks is failing: none of 9 attempts was delivered."),
        ("trigger", WEBHOOK, "order.completed to https://example.com/hooks failed after 5 attempts."),
        ("trigger", OTHER, "https://example.com/hooks was disabled: it answered 410."),
    ]
    both = notification(URL, of(AlertKind.WEBHOOK_FAILING, is_over=True), of(AlertKind.WEBHOOK_RECOVERED, is_over=True))
    assert await sender.send(both) is None
    assert [each[:2] for each in told(pagerduty)] == [("trigger", WEBHOOK), ("resolve", WEBHOOK)]
    late = notification(URL, of(AlertKind.WEBHOOK_RECOVERED, is_over=False))
    assert await sender.send(late) is None
    assert told(pagerduty) == [], "it fails again, of which it was told before"


async def test_an_incident_of_a_condition_is_of_this_installation(sender: ChannelSender, pagerduty: Receiver) -> None:
    key = f"no_workers {LINKS.public_url}"
    for kind, action in ((AlertKind.PLATFORM_TROUBLE, "trigger"), (AlertKind.PLATFORM_WELL, "resolve")):
        digest = of(kind, Condition.NO_WORKERS, is_over=action == "resolve")
        assert await sender.send(notification(URL, digest)) is None
        assert [each[:2] for each in told(pagerduty)] == [(action, key)]


async def test_what_is_not_listed_shares_an_incident_and_a_test_has_its_own(
    sender: ChannelSender, pagerduty: Receiver
) -> None:
    listed = notification(URL, failed(), of(AlertKind.WEBHOOK_FAILING, OTHER))
    many = replace(
        listed, beyond={AlertKind.WEBHOOK_FAILING: Beyond(30, 30), AlertKind.WEBHOOK_RECOVERED: Beyond(2, 2)}
    )
    assert await sender.send(many) is None
    assert told(pagerduty)[2] == (
        "trigger",
        many.id,
        "1 delivery failed, 31 webhooks are failing, 2 webhooks deliver again.",
    )
    assert await sender.send_test(many.id, ACCOUNT, URL, AT) is None
    assert told(pagerduty) == [("trigger", many.id, "This channel works.")]
    assert await sender.send(replace(many, url=f"{URL}?dedup=mine")) is None
    assert [each[:2] for each in told(pagerduty)] == [("trigger", "mine")], "whoever names a key has it"


async def test_the_first_that_is_refused_says_why_and_ends_it(sender: ChannelSender, pagerduty: Receiver) -> None:
    pagerduty.answer = lambda _: 400
    trouble = await sender.send(notification(URL, failed(), of(AlertKind.WEBHOOK_FAILING, OTHER)))
    assert trouble is not None
    assert "PagerDuty answered 400" in trouble
    assert len(pagerduty.requests) == 1
