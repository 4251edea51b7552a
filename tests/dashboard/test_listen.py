"""The page Listen: who receives on their own machine, and an end to it."""

from tests.support.api import Caller
from tests.support.dashboard import signed_in
from tests.support.listener import Command, listen
from tests.support.store_harness import StoreHarness
from tests.support.waiting import eventually_async


async def test_a_session_is_seen_and_ended(api: str, tenant: Caller, world: StoreHarness) -> None:
    page = f"/dashboard/{tenant.account}/listen"
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as admin:
        assert "flux listen --forward-to localhost:3000/webhooks/flux" in (await admin.get(page)).text
        command = Command(await listen(tenant.http, forward_to="http://localhost:3000/a"), tenant.key)
        async with command.connected(api):
            text = (await admin.get(page)).text
            assert command.session["url"] in text
            assert "Connected" in text
            assert "localhost:3000/a" in text
            webhook = await admin.get(f"/dashboard/{tenant.account}/webhooks/{command.session['webhook']}")
            assert "<code>flux listen</code>" in webhook.text
            assert "Disable" not in webhook.text
            assert "Delete this webhook" not in webhook.text
            answer = await admin.form(page, f"{page}/{command.session['id']}/end")
            assert answer.headers["Location"] == f"{page}?done=listen_ended"

            async def is_closed() -> bool:
                return command.close_code is not None

            await eventually_async(is_closed, "the command is told")
        assert "Nobody is listening" in (await admin.get(page)).text


async def test_a_customer_s_pages_know_nothing_of_it(api: str, tenant: Caller, world: StoreHarness) -> None:
    await listen(tenant.http)
    async with signed_in(api, world.database, account=tenant.account) as customer:
        assert "Listen" not in (await customer.get(f"/dashboard/{tenant.account}/webhooks")).text
        assert (await customer.get(f"/dashboard/{tenant.account}/listen")).status_code == 404
