"""Alert channels are made, changed and tried out over the API, and what is wrong with one is said at once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.api import Caller, api_client, check_error, running_api
from tests.support.mailbox import PASSWORD, USER, Mailbox, text_of
from tests.support.store_harness import StoreHarness

URL = "mailtos://user:a-password@smtp.example.com?to=ops@example.com"
ALL = ["delivery_failed", "webhook_failing", "webhook_disabled", "webhook_recovered"]


async def made(caller: Caller, url: str = URL, **fields: Any) -> dict[str, Any]:
    answer = await caller.http.post("/v1/alert-channels", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    channel: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/alert-channels/{channel['id']}"
    return channel


async def test_a_channel_is_made_shown_changed_and_deleted(tenant: Caller, world: StoreHarness) -> None:
    channel = await made(tenant, name="On call")
    assert (channel["service"], channel["target"]) == ("email", "ops@example.com by smtp.example.com:587")
    assert (channel["kinds"], channel["status"], channel["last_sent"]) == (ALL, "enabled", None)
    path = f"/v1/alert-channels/{channel['id']}"
    assert (await tenant.http.get(path)).json() == channel
    assert [each["id"] for each in (await tenant.http.get("/v1/alert-channels")).json()["data"]] == [channel["id"]]
    answer = await tenant.http.patch(path, json={"kinds": ["webhook_disabled"] * 2, "status": "disabled"})
    changed = answer.json()
    assert (changed["kinds"], changed["status"], changed["disabled_reason"]) == (
        ["webhook_disabled"],
        "disabled",
        "by_hand",
    )
    assert changed["name"] == "On call"
    assert (await tenant.http.patch(path, json={"status": "enabled"})).json()["disabled_reason"] is None
    assert "a-password" not in (await tenant.http.get(path)).text
    assert (await tenant.http.delete(path)).status_code == 204
    check_error(await tenant.http.get(path), 404, "not_found")
    check_error(await tenant.http.delete(path), 404, "not_found")
    check_error(await tenant.http.patch(path, json={"name": "a"}), 404, "not_found")
    check_error(await tenant.http.post(f"{path}/test"), 404, "not_found")
    assert await world.scalar("SELECT count(*) FROM alert_channels") == 0


WRONG = [
    ({"url": "syslog://"}, "invalid_url", "url"),
    ({"url": "file:///etc/passwd"}, "invalid_url", "url"),
    ({"url": "json://example.com/x"}, "invalid_url", "url"),
    ({"url": "mailto://user:password@smtp.example.com"}, "invalid_url", "url"),
    ({"url": "slack://too-short"}, "invalid_url", "url"),
    ({"url": "https://example.com/not-a-service"}, "invalid_url", "url"),
    ({"url": ""}, "invalid_url", "url"),
    ({"url": "slack://" + "a" * 1000}, "invalid_url", "url"),
    ({"url": "jsons://example.com/a\nb"}, "invalid_url", "url"),
    ({"url": "jsons://example.com/\x00"}, "invalid_url", "url"),
    ({"url": f"{URL}&smtp=ho%00st.example.com"}, "invalid_url", "url"),
    ({"url": f"{URL}&smtp=ho%251B%5B2Jst.example.com"}, "invalid_url", "url"),
    ({"url": f"{URL}&name=A%0D%0AB"}, "invalid_url", "url"),
    ({"url": URL, "kinds": []}, "invalid_value", "kinds"),
    ({"url": URL, "kinds": ["delivery_failed", "platform_trouble"]}, "invalid_value", "kinds[1]"),
    ({"url": URL, "name": "n" * 101}, "invalid_value", "name"),
    ({"name": "a"}, "missing_field", "url"),
    ({"url": URL, "status": "enabled"}, "unknown_field", "status"),
]


async def test_what_is_wrong_is_said_and_nothing_is_stored(tenant: Caller, world: StoreHarness) -> None:
    for body, code, param in WRONG:
        answer = await tenant.http.post("/v1/alert-channels", json=body)
        check_error(answer, 422, code, param)
        assert "password" not in answer.text or "mailtos://" in answer.text
    assert await world.scalar("SELECT count(*) FROM alert_channels") == 0
    channel = await made(tenant)
    path = f"/v1/alert-channels/{channel['id']}"
    for body, code, param in (
        ({"url": "dbus://"}, "invalid_url", "url"),
        ({"status": "paused"}, "invalid_value", "status"),
        ({"kinds": []}, "invalid_value", "kinds"),
    ):
        check_error(await tenant.http.patch(path, json=body), 422, code, param)
    assert (await tenant.http.get(path)).json() == channel


async def test_an_account_has_so_many_channels_and_no_more(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    async with (
        running_api(database_url, redis_url, alert_channels_per_account="2") as api,
        api_client(api, database) as caller,
    ):
        for _ in range(2):
            channel = await made(caller)
        check_error(await caller.http.post("/v1/alert-channels", json={"url": URL}), 409, "too_many_alert_channels")
        await caller.http.delete(f"/v1/alert-channels/{channel['id']}")
        await made(caller)


async def test_a_test_says_whether_it_arrived_and_the_channel_shows_it(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    settings = {"require_https": "false", "allow_networks": "127.0.0.0/8", "public_url": "https://flux.example"}
    with Mailbox(needs_login=True) as mailbox:
        async with running_api(database_url, redis_url, **settings) as api, api_client(api, database) as caller:
            channel = await made(caller, mailbox.url(user=USER, password="wrong-password"))
            path = f"/v1/alert-channels/{channel['id']}"
            failed = (await caller.http.post(f"{path}/test")).json()
            assert failed["status"] == "failed"
            assert "refused the user name or password (535" in failed["error"]
            shown = (await caller.http.get(path)).json()
            assert (shown["last_error"], shown["last_sent"]) == (failed["error"], None)
            assert shown["failing_since"] is None
            assert "wrong-password" not in failed["error"]
            better = mailbox.url(user=USER, password=PASSWORD)
            assert (await caller.http.patch(path, json={"url": better})).status_code == 200
            sent = (await caller.http.post(f"{path}/test")).json()
            assert (sent["status"], sent["error"]) == ("sent", None)
            assert (await caller.http.get(path)).json()["last_sent"] is not None
    (mail,) = mailbox.mails
    assert mail["subject"] == "Test: this alert channel works"
    assert f"https://flux.example/dashboard/{caller.account}/alert-channels" in text_of(mail)


async def test_a_channel_that_fails_says_since_when_and_one_that_does_not_open_says_so(
    tenant: Caller, world: StoreHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = await made(tenant)
    path = f"/v1/alert-channels/{channel['id']}"
    await world.do(
        "UPDATE alert_channels SET failing_since = flux_now(), last_failed_at = flux_now(), last_error = 'no', "
        "sealed_url = substr(sealed_url, 1, 20)"
    )
    shown = (await tenant.http.get(path)).json()
    assert (shown["last_error"], shown["failing_since"]) == ("no", shown["last_failed"])
    assert shown["failing_since"] is not None
    refused = check_error(await tenant.http.post(f"{path}/test"), 500, "cannot_unseal")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "request.failed" in line]
    assert refused["request_id"] in line, "whoever is told of a 500 finds it in the log"


async def test_a_private_address_is_not_reached_and_that_is_said(tenant: Caller) -> None:
    channel = await made(tenant, "jsons://127.0.0.1:9/x")
    answer = (await tenant.http.post(f"/v1/alert-channels/{channel['id']}/test")).json()
    assert answer["status"] == "failed"
    assert "not public" in answer["error"]


async def test_few_tests_are_under_way_at_once(database_url: str, redis_url: str, database: AsyncEngine) -> None:
    settings = {"require_https": "false", "allow_networks": "127.0.0.0/8"}
    with Mailbox(hangs=True) as hanging:
        async with running_api(database_url, redis_url, **settings) as api, api_client(api, database) as caller:
            channel = await made(caller, hanging.url())
            path = f"/v1/alert-channels/{channel['id']}/test"
            asking = [asyncio.create_task(caller.http.post(path, timeout=60)) for _ in range(3)]
            (refused, *_), waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            check_error(refused.result(), 429, "too_many_tests")
            hanging.let_go()
            assert [(await each).json()["status"] for each in waiting] == ["sent", "sent"]


@pytest.mark.parametrize("path", ["", "/test"])
async def test_an_id_that_cannot_be_one_is_refused(tenant: Caller, path: str) -> None:
    method = tenant.http.post if path else tenant.http.get
    answer = await method(f"/v1/alert-channels/chan_x{path}")
    assert answer.status_code == 404
