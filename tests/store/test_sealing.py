"""Secrets and headers lie sealed; rows of the release before are read and sealed; what does not open harms no other."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.webhook import NewWebhook, WebhookChange
from flux_dispatch.engine.reseal import Reseal
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.reseal import ResealStore
from flux_dispatch.store.sealed_webhooks import UNSEAL_PAUSE, WebhookSeals
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from tests.support.store_harness import SEALS, SECRET, TIMING, StoreHarness, event

NEW_SECRET = "whsec_" + "N" * 32
HEADERS = {"X-Team": "billing", "Authorization": "Bearer sesame"}
NEWER = bytes(range(1, 33))
BOTH = WebhookSeals(Keyring([NEWER, bytes(range(32))]))
OTHER = WebhookSeals(Keyring([NEWER]))
PLAIN = "SELECT count(*) FROM webhooks WHERE secrets <> '{}' OR headers <> '{}'"


async def new_webhook(
    world: StoreHarness, account: AccountId, headers: dict[str, str] | None = None, seals: WebhookSeals = SEALS
) -> WebhookId:
    draft = NewWebhook("https://example.com/", ("*",), "", headers or {}, {})
    made = await WebhookStore(world.database, seals).create(account, draft, SECRET, most=100)
    assert made
    return made.id


async def claimed(
    world: StoreHarness, deliveries: Sequence[DeliveryId], seals: WebhookSeals = SEALS
) -> dict[WebhookId, Claim]:
    """Claim deliveries, and have them due again."""
    lease = await DeliveryStore(world.database, TIMING, seals).claim(deliveries)
    assert lease
    await world.do("UPDATE deliveries SET state = 'scheduled', lease_token = NULL WHERE state = 'sending'")
    return {claim.webhook: claim for claim in lease.claims}


async def deliveries_of(world: StoreHarness, account: AccountId) -> list[DeliveryId]:
    (stored,) = await world.publish(event(account))
    return list(stored.deliveries)


async def test_what_lies_sealed_comes_with_a_claim_as_it_was(world: StoreHarness) -> None:
    account = await world.account()
    bare, headed = await new_webhook(world, account), await new_webhook(world, account, HEADERS)
    claims = await claimed(world, await deliveries_of(world, account))
    assert (claims[bare].secrets, claims[bare].headers) == ((SECRET,), {})
    assert (claims[headed].secrets, claims[headed].headers) == ((SECRET,), HEADERS)
    assert await world.scalar(PLAIN) == 0
    text = await world.scalar("SELECT string_agg(w::text, '') FROM webhooks AS w")
    for value in (SECRET, "billing", "sesame", "X-Team"):
        assert value not in text
        assert value.encode().hex() not in text


async def test_a_row_of_the_release_before_is_read_as_it_is(world: StoreHarness) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*")
    await world.do("""UPDATE webhooks SET headers = '{"X-Team": "a"}'""")
    (claim,) = (await claimed(world, await deliveries_of(world, account))).values()
    assert (claim.secrets, claim.headers) == ((SECRET,), {"X-Team": "a"})
    shown = await WebhookQueries(world.database, SEALS).get(account, webhook)
    secrets = await WebhookStore(world.database, SEALS).reveal_secret(account, webhook)
    assert shown
    assert secrets
    assert (shown.headers, secrets.newest) == ({"X-Team": "a"}, SECRET)


async def test_while_the_release_before_may_run_it_finds_what_it_reads(world: StoreHarness) -> None:
    await world.do("UPDATE sealing SET keeps_plain = true")
    account = await world.account()
    webhook = await new_webhook(world, account, HEADERS)
    store = WebhookStore(world.database, SEALS)
    await store.update(account, webhook, WebhookChange(headers={"X-Team": "b"}))
    await store.rotate_secret(account, webhook, NEW_SECRET, timedelta(hours=1))
    (row,) = await world.rows("SELECT secrets, headers, sealed_secrets, sealed_headers FROM webhooks")
    assert (row.secrets, row.headers) == ([NEW_SECRET, SECRET], {"X-Team": "b"})
    assert len(row.sealed_secrets) == 2
    assert await Reseal(ResealStore(world.database, SEALS))(lambda *_: None) == (1, [])
    (row,) = await world.rows("SELECT secrets, headers FROM webhooks")
    assert (row.secrets, row.headers) == ([], {})
    (claim,) = (await claimed(world, await deliveries_of(world, account))).values()
    assert (claim.secrets, claim.headers) == ((NEW_SECRET, SECRET), {"X-Team": "b"})
    other = await new_webhook(world, account)
    assert await world.scalar("SELECT secrets FROM webhooks WHERE id = CAST(:id AS uuid)", id=_hex(other)) == []


async def test_several_secrets_sign_until_each_expires(world: StoreHarness) -> None:
    await world.advance_clock(0)
    account = await world.account()
    webhook = await new_webhook(world, account)
    deliveries = await deliveries_of(world, account)
    store = WebhookStore(world.database, SEALS)
    thirds = [f"whsec_{letter * 32}" for letter in "ABC"]
    for secret, seconds in zip(thirds, (60, 3600, 600), strict=True):
        await store.rotate_secret(account, webhook, secret, timedelta(seconds=seconds))
    a, b, c = thirds
    for wait, signing in ((0, (c, b, a, SECRET)), (60, (c, b, a)), (539, (c, b, a)), (1, (c, a)), (3000, (c,))):
        await world.advance_clock(wait)
        assert (await claimed(world, deliveries))[webhook].secrets == signing
    await store.rotate_secret(account, webhook, SECRET, timedelta(0))
    assert (await claimed(world, deliveries))[webhook].secrets == (SECRET,)


async def test_a_new_secret_signs_at_once(world: StoreHarness) -> None:
    account = await world.account()
    webhook = await new_webhook(world, account)
    deliveries = await deliveries_of(world, account)
    store = DeliveryStore(world.database, TIMING, SEALS)  # it remembers what it has opened
    for secret in (SECRET, NEW_SECRET):
        lease = await store.claim(deliveries)
        assert lease
        assert lease.claims[0].secrets[0] == secret
        await WebhookStore(world.database, SEALS).rotate_secret(account, webhook, NEW_SECRET, timedelta(0))
        await world.do("UPDATE deliveries SET state = 'scheduled', lease_token = NULL")


async def test_what_does_not_open_rests_and_keeps_no_other_back(
    world: StoreHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    account = await world.account()
    shut, open_one, moved = [await new_webhook(world, account, HEADERS, each) for each in (OTHER, SEALS, SEALS)]
    await world.do(
        """UPDATE webhooks SET sealed_headers = (SELECT sealed_headers FROM webhooks WHERE id = CAST(:of AS uuid))
           WHERE id = CAST(:id AS uuid)""",
        of=_hex(open_one),
        id=_hex(moved),
    )
    deliveries = await deliveries_of(world, account)
    lease = await DeliveryStore(world.database, TIMING, SEALS).claim(deliveries)
    assert lease
    assert [claim.webhook for claim in lease.claims] == [open_one]
    lines = [line for line in capsys.readouterr().out.splitlines() if "webhook.cannot_unseal" in line]
    assert len(lines) == 1
    assert "FLUX_ENCRYPTION_KEYS" in lines[0] or "another place" in lines[0]
    for row in await world.rows(
        "SELECT *, extract(epoch FROM due_at - flux_now()) AS due_in FROM deliveries WHERE webhook_id <> :id",
        id=UUID(_hex(open_one)),
    ):
        assert (row.state, row.attempts, row.lease_token) == ("scheduled", 0, None)
        assert 0 < row.due_in <= UNSEAL_PAUSE.total_seconds()
    await world.do("UPDATE deliveries SET due_at = flux_now()")
    assert set(await claimed(world, deliveries, BOTH)) == {shut}, "given the key, it goes out"


async def test_a_webhook_that_does_not_open_is_shown_and_mended(world: StoreHarness) -> None:
    account = await world.account()
    webhook = await new_webhook(world, account, HEADERS, OTHER)
    queries, store = WebhookQueries(world.database, SEALS), WebhookStore(world.database, SEALS)
    shown = await queries.get(account, webhook)
    assert shown
    assert shown.headers is None
    with pytest.raises(CannotUnseal, match="FLUX_ENCRYPTION_KEYS"):
        await store.reveal_secret(account, webhook)
    await store.rotate_secret(account, webhook, NEW_SECRET, timedelta(0))
    mended = await store.update(account, webhook, WebhookChange(headers=HEADERS))
    secrets = await store.reveal_secret(account, webhook)
    assert mended
    assert secrets
    assert (mended.headers, secrets.newest) == (HEADERS, NEW_SECRET)


async def test_all_comes_under_the_newest_key_in_batches_and_again_from_where_it_ended(world: StoreHarness) -> None:
    await world.do("UPDATE sealing SET keeps_plain = true")
    account = await world.account()
    sealed = [await new_webhook(world, account, HEADERS) for _ in range(3)]
    plain = [await world.webhook(account, "*") for _ in range(3)]
    gone = await world.webhook(account, "*")
    await world.do("UPDATE webhooks SET deleted_at = flux_now() WHERE id = CAST(:id AS uuid)", id=_hex(gone))
    await WebhookStore(world.database, SEALS).rotate_secret(account, sealed[0], NEW_SECRET, timedelta(hours=1))
    store = ResealStore(world.database, BOTH)
    assert await store.end_plain() == 7
    first = await store.reseal(None, 2)
    assert first
    assert (first.sealed, first.shut) == (2, ())  # and here it is killed
    seen: list[tuple[int, int]] = []
    assert await Reseal(store)(lambda *progress: seen.append(progress)) == (5, [])
    assert seen == [(0, 5), (5, 5)]
    assert await store.end_plain() == 0
    told = "SELECT array_agg(changes #>> '{webhooks,1}' ORDER BY id) FROM audit_entries WHERE action LIKE 'encryption%'"
    assert await world.scalar(told) == ["7", "5"], "each time that there was something to seal"
    assert await world.scalar(PLAIN) == 0
    claims = await claimed(world, await deliveries_of(world, account), OTHER)
    assert set(claims) == {*sealed, *plain}
    assert claims[sealed[0]].secrets == (NEW_SECRET, SECRET)
    assert claims[sealed[1]].headers == HEADERS
    (row,) = await world.rows("SELECT * FROM webhooks WHERE deleted_at IS NOT NULL")
    assert (row.secrets, row.sealed_secrets, row.sealed_headers) == ([], None, None)


async def test_what_does_not_open_is_named_and_left_and_the_rest_is_sealed(world: StoreHarness) -> None:
    account = await world.account()
    shut = await new_webhook(world, account, HEADERS, OTHER)
    await world.webhook(account, "*")
    assert await Reseal(ResealStore(world.database, SEALS))(lambda *_: None) == (1, [shut])
    assert set(await claimed(world, await deliveries_of(world, account), BOTH)) > {shut}


def _hex(webhook: WebhookId) -> str:
    return parse_id(Prefix.WEBHOOK, webhook)
