"""The URLs of alert channels are sealed, come under a new key, and fail their channel where they do not open."""

import pytest

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.reseal import Reseal
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.alert_channels import AlertChannelQueries
from flux_dispatch.store.reseal_channels import ChannelResealStore
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from tests.support.alerting import URL, Alerting
from tests.support.store_harness import StoreHarness

FAILED = AlertKind.DELIVERY_FAILED


@pytest.fixture
async def alerting(world: StoreHarness) -> Alerting:
    await world.advance_clock(0)
    return Alerting(world)


async def test_a_url_that_does_not_open_is_a_failure_of_the_channel(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    await alerting.world.do("UPDATE alert_channels SET sealed_url = substr(sealed_url, 1, 20)")
    await alerting.fail(account)
    assert await alerting.after(10) == []
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert "does not open" in (shown.last_error or "")


async def test_urls_come_under_a_new_key(alerting: Alerting, account: AccountId) -> None:
    channels = [await alerting.channel(account) for _ in range(3)]
    newer = Keyring([bytes(reversed(range(32))), bytes(range(32))])
    store = ChannelResealStore(alerting.world.database, ChannelSeals(newer))
    assert await Reseal(store)(lambda *_: None) == (3, [])
    assert await Reseal(store)(lambda *_: None) == (0, [])
    told = "SELECT changes FROM audit_entries WHERE action = 'encryption_key.rotated'"
    assert [row.changes for row in await alerting.world.rows(told)] == [{"alert_channels": [None, 3]}]
    newest = ChannelSeals(Keyring([bytes(reversed(range(32)))]))
    assert await AlertChannelQueries(alerting.world.database, newest).url(account, channels[0].id) == URL.url
    other = ChannelResealStore(alerting.world.database, ChannelSeals(Keyring([bytes(32)])))
    assert await Reseal(other)(lambda *_: None) == (0, [each.id for each in channels])


async def test_the_url_stands_nowhere_in_plain_text(alerting: Alerting, account: AccountId) -> None:
    await alerting.channel(account)
    rows = await alerting.world.rows("SELECT alert_channels::text AS everything FROM alert_channels")
    assert all("secret" not in row.everything for row in rows)
