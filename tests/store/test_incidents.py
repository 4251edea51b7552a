"""What a message tells of incidents: which webhooks are well again, each of them, and which are not."""

import pytest

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.notification import MOST_DIGESTS, Beyond
from tests.support.alerting import Alerting
from tests.support.store_harness import StoreHarness

FAILED, FAILING, RECOVERED = AlertKind.DELIVERY_FAILED, AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_RECOVERED


@pytest.fixture
async def alerting(world: StoreHarness) -> Alerting:
    await world.advance_clock(0)
    return Alerting(world)


async def test_what_happened_last_says_whether_all_is_well(alerting: Alerting, account: AccountId) -> None:
    """Failing and recovering have windows of their own, so what ended may be told after what began later."""
    webhook = await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    for happened, well in (
        ([FAILING], False),
        ([RECOVERED], True),
        ([FAILING, RECOVERED], True),
        ([RECOVERED, FAILING], False),
        ([RECOVERED, FAILING, RECOVERED, FAILED], False),
    ):
        await alerting.note(account, webhook, *happened)
        (told,) = await alerting.after(7 * 3600)
        assert {each.kind for each in told.digests} == set(happened)
        assert {each.is_over for each in told.digests} == {well}, happened
        assert (told.digests[0].kind is RECOVERED) == (happened == [RECOVERED]), "trouble stands first"


async def test_however_many_recover_together_each_has_its_incident_closed(
    alerting: Alerting, account: AccountId
) -> None:
    webhooks = [await alerting.world.webhook(account, "*") for _ in range(MOST_DIGESTS + 5)]
    pager, _ = [await alerting.channel(account, service=each) for each in ("pagerduty", "slack")]
    await alerting.note_of_each(account, webhooks[:1], FAILED)
    await alerting.note_of_each(account, webhooks, FAILING)
    together = await alerting.after(10)
    assert [each.beyond for each in together] == [{FAILING: Beyond(6, 6)}] * 2
    assert {each.digests[0].kind for each in together} == {FAILED}, "the worst stands first"
    await alerting.note_of_each(account, webhooks, RECOVERED)
    sent = await alerting.after(1000) + await alerting.after(1000)
    assert sorted((each.channel == pager.id, len(each.digests), len(each.beyond)) for each in sent) == [
        (False, MOST_DIGESTS, 1),
        (True, 5, 0),
        (True, MOST_DIGESTS, 0),
    ]
    closed = [digest.subject for each in sent if each.channel == pager.id for digest in each.digests if digest.is_over]
    assert sorted(closed) == sorted(webhooks)
