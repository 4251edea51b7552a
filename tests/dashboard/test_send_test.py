"""Send test event: what the endpoint answered stands on the page, through a real worker; and why none is sent."""

import re

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.outcome import ErrorClass
from tests.support.api import api_client, running_api
from tests.support.dashboard import SIGN_IN, signed_in
from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.store_harness import StoreHarness


def send(browser: httpx.Client, page: str, to: str) -> str:
    """Open a page, send the form of this address, and return what it leads to."""
    token = re.findall(r'name="csrf" value="([^"]+)"', browser.get(page).text)[0]
    answer = browser.post(to, data={"csrf": token})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_the_answer_stands_on_the_page(installation: Installation) -> None:
    with Receiver(lambda request: 200 if request.path == "/good" else 500) as receiver:
        receiver.reply = lambda request: ({}, f"<b>{request.path}</b>")
        installation.start_api()
        installation.start_worker()
        good, bad = (installation.webhook(receiver.url + path) for path in ("/good", "/bad"))
        origin = {"Origin": installation.api_url}
        with httpx.Client(base_url=installation.api_url, headers=origin, trust_env=False, timeout=30) as browser:
            home = browser.post(SIGN_IN, data={"key": installation.key}).headers["Location"]
            ready = {each["id"]: f"{home}webhooks/{each['id']}/ready" for each in (good, bad)}
            page = browser.get(send(browser, ready[good["id"]], ready[good["id"]])).text
            assert "<strong>Delivered.</strong> Your endpoint answered <code>200</code> in" in page
            assert "&lt;b&gt;/good&lt;/b&gt;" in page
            assert "Send another test" in page
            page = browser.get(send(browser, ready[bad["id"]], ready[bad["id"]])).text
            assert f"<strong>Not delivered.</strong> {advise(ErrorClass.HTTP_STATUS, 500)}" in page
            assert good["secret"] not in page
            webhook = f"{home}webhooks/{good['id']}"
            assert re.fullmatch(rf"{home}deliveries/dlv_\w+", send(browser, webhook, f"{webhook}/test"))
        assert [each.path for each in receiver.requests] == ["/good", "/bad", "/good"]


@pytest.mark.parametrize("below", ["/ready", "/test"])
async def test_without_an_answer_the_page_says_so_and_of_a_disabled_one_why(
    database_url: str, redis_url: str, database: AsyncEngine, below: str
) -> None:
    async with (
        running_api(database_url, redis_url, delivery_timeout="0.1") as api,
        api_client(api, database) as tenant,
        signed_in(api, database, account=tenant.account) as customer,
    ):
        path = f"/dashboard/{tenant.account}/webhooks/{(await tenant.webhook('*'))['id']}"
        sent = await customer.form(f"{path}/ready", f"{path}{below}")
        assert sent.status_code == 303
        if below == "/ready":
            assert "<strong>No answer yet.</strong>" in (await customer.get(sent.headers["Location"])).text
        await StoreHarness(database).do("UPDATE webhooks SET status = 'disabled'")
        refused = await customer.form(f"{path}/ready", f"{path}{below}")
        assert refused.status_code == 409
        assert "Enable it first" in refused.text
        assert await StoreHarness(database).scalar("SELECT count(*) FROM events") == 1
