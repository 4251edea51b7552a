"""Alert channels in the dashboard: made by a form, tried out on the page, never shown whole."""

import re
from urllib.parse import quote

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.alert_channel_form import AlertChannelForm
from flux_dispatch.domain.alert_channel import OF_WEBHOOKS
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId
from tests.support.api import Caller, api_client, running_api
from tests.support.dashboard import signed_in
from tests.support.mailbox import PASSWORD, USER, Mailbox
from tests.support.store_harness import StoreHarness


def path(account: AccountId, *more: str) -> str:
    return "/".join([f"/dashboard/{account}/alert-channels", *more])


EMAIL = {
    "way": "email",
    "recipients": "ops@example.com",
    "host": "127.0.0.1",
    "security": "insecure",
    "user": USER,
    "password": "wrong <b>password</b>",
    "sender": "alerts@flux.example",
    "name": "On <b>call</b>",
    "kind": ["delivery_failed", "webhook_disabled"],
}


async def test_a_channel_is_added_tried_out_and_deleted_by_forms(
    database_url: str, redis_url: str, database: AsyncEngine
) -> None:
    settings = {"require_https": "false", "allow_networks": "127.0.0.0/8"}
    with Mailbox(needs_login=True) as mailbox:
        async with (
            running_api(database_url, redis_url, **settings) as api,
            api_client(api, database) as tenant,
            signed_in(api, database, account=tenant.account) as customer,
        ):
            page = path(tenant.account)
            assert "Nobody is told yet" in (await customer.get(page)).text
            fields = EMAIL | {"port": str(mailbox.port)}
            made = await customer.form(path(tenant.account, "new"), **fields)
            assert made.status_code == 303, made.text
            channel = re.findall(r"made=(chan_\w+)", made.headers["Location"])[0]
            failed = await customer.form(page, path(tenant.account, channel, "test"))
            shown = (await customer.get(failed.headers["Location"])).text
            assert '<p class="notice bad" role="status">The test failed' in shown
            assert "refused the user name or password" in shown
            assert "On &lt;b&gt;call&lt;/b&gt;" in shown
            assert "wrong" not in shown
            url = mailbox.url(user=USER, password=PASSWORD)
            await tenant.http.patch(f"/v1/alert-channels/{channel}", json={"url": url})
            sent = await customer.form(page, path(tenant.account, channel, "test"))
            assert "The test was sent" in (await customer.get(sent.headers["Location"])).text
            assert len(mailbox.mails) == 1
            await customer.form(page, path(tenant.account, channel, "status"), status="disabled")
            assert "disabled by hand" in (await customer.get(page)).text
            await customer.form(page, path(tenant.account, channel, "status"), status="enabled")
            wrong = await customer.form(page, path(tenant.account, channel, "status"), status="paused")
            assert wrong.status_code == 422
            gone = await customer.form(path(tenant.account, channel, "delete"))
            assert "The channel is deleted" in (await customer.get(gone.headers["Location"])).text
            assert (await customer.get(path(tenant.account, channel, "delete"))).status_code == 404


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"way": "email", "host": "smtp.example.com"}, "Say who is to get the mails"),
        ({"way": "email", "recipients": "a@b.de"}, "Name the mail server"),
        ({"way": "email", "recipients": "a@b.de", "host": "smtp.example.com", "port": "ssh"}, "The port is a number"),
        ({"way": "email", "recipients": "a@b.de", "host": "b.de", "port": "65536"}, "The port is a number"),
        ({"way": "email", "recipients": "a@b.de, nobody", "host": "b.de"}, "nobody is no e-mail address"),
        ({"way": "email", "recipients": "a@b.de, ops@", "host": "b.de"}, "ops@ is no e-mail address"),
        ({"way": "email", "recipients": "a@b.de; c@d.de", "host": "b.de"}, "a@b.de; c@d.de is no e-mail address"),
        (
            {"way": "email", "recipients": "a@b.de, ops@lan", "host": "b.de", "user": "me"},
            "No mail can be sent to ops@lan",
        ),
        ({"way": "email", "recipients": "a@b.de", "host": "b.de", "sender": "me"}, "me is no e-mail address"),
        ({"way": "email", "recipients": "a@b.de", "host": "b.de:25"}, "b.de:25 is no name of a mail server"),
        ({"way": "email", "recipients": "a@b.de", "host": "https://b.de"}, "https://b.de is no name of a mail server"),
        ({"way": "email", "recipients": "a@b.de", "host": "b.de"}, "Give the user name"),
        ({"way": "email", "recipients": "a@b.de", "host": "b.de", "user": "me", "password": ""}, "Give the password"),
        ({"way": "webhook", "url": "https://[::1/alerts"}, "The URL begins with https://"),
        ({"way": "webhook", "url": "http://example.com/"}, "http:// is not encrypted: write https:// instead"),
        (
            {"way": "email", "recipients": "a@b.de", "host": "b.de", "user": "me", "security": "insecure"},
            "The password would go to the mail server in the clear: choose STARTTLS or TLS",
        ),
        ({"way": "slack", "url": "https://example.com/"}, "No service is known by this URL"),
        ({"way": "webhook", "url": "ftp://example.com/"}, "The URL begins with https://"),
        ({"way": "pagerduty"}, "Give the integration key"),
        ({"way": "other", "url": "syslog://"}, "Alerts are not sent to syslog://"),
        ({"way": "webhook", "url": "https://example.com/", "kind": []}, "Tick at least one thing"),
        ({"way": "webhook", "url": "https://example.com/", "name": "n" * 101}, "Name is text of 0 to 100"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    api: str, tenant: Caller, world: StoreHarness, fields: dict[str, str], says: str
) -> None:
    async with signed_in(api, world.database, account=tenant.account) as customer:
        given = {"kind": "delivery_failed", "password": "a-password", **fields}
        answer = await customer.form(path(tenant.account, "new"), **given)
        assert answer.status_code == 422
        assert says in answer.text
        assert "a-password" not in answer.text
    assert await world.scalar("SELECT count(*) FROM alert_channels") == 0


async def test_each_recipient_of_the_form_gets_the_mails_by_the_server_that_is_named(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    both, server = "a@b.de, c+d@e.de", "smtp.example.com"
    async with signed_in(api, world.database, account=tenant.account) as customer:
        for recipients, host, port, shown in (
            ("a@b.de,c+d@e.de", server, "", f"{both} by {server}:587"),
            (" a@b.de ,  c+d@e.de , ", server, "", f"{both} by {server}:587"),
            ("Ann <a@b.de>, Ops of D <c+d@e.de>", "localhost", "2525", f"{both} by localhost:2525"),
            ("root@mailserver", "192.0.2.1", "25", "root@mailserver by 192.0.2.1:25"),
            ("a@b.de", "[2001:db8::1]", "25", "a@b.de by [2001:db8::1]:25"),
        ):
            fields = {"way": "email", "recipients": recipients, "host": host, "port": port}
            made = await customer.form(path(tenant.account, "new"), **fields, kind="delivery_failed")
            assert made.status_code == 303, made.text
            last = "SELECT target FROM alert_channels ORDER BY id DESC LIMIT 1"
            assert await world.scalar(last) == shown


async def test_a_channel_is_edited_and_what_is_not_touched_stays(api: str, tenant: Caller, world: StoreHarness) -> None:
    made = await tenant.http.post("/v1/alert-channels", json={"url": "jsons://example.com/s3cret", "name": "Old"})
    edit = path(tenant.account, made.json()["id"], "edit")

    async def stored() -> tuple[object, ...]:
        (row,) = await world.rows("SELECT name, kinds, target, sealed_url FROM alert_channels")
        return tuple(row)

    async with signed_in(api, world.database, account=tenant.account) as customer:
        page, (_, kinds, target, sealed) = (await customer.get(edit)).text, await stored()
        assert 'value="Old"' in page
        assert page.count(" checked") == 4
        assert "jsons://example.com/…" in page
        assert "s3cret" not in page
        assert f'href="{edit}"' in (await customer.get(path(tenant.account))).text
        wrong = await customer.form(edit, way="keep", name="n" * 101, kind=kinds)
        assert wrong.status_code == 422
        assert 'id="name-problem">Name is text of 0 to 100' in wrong.text
        empty = await customer.form(edit, way="webhook", url="", name="New", kind=kinds)
        assert 'id="url-problem">Give the URL' in empty.text
        assert await stored() == ("Old", kinds, target, sealed)
        saved = await customer.form(edit, way="keep", name="New", kind="webhook_failing")
        assert "Saved. It holds for" in (await customer.get(saved.headers["Location"])).text
        assert await stored() == ("New", ["webhook_failing"], target, sealed)
        moved = await customer.form(edit, way="slack", url=SLACK, name="New", kind="webhook_failing")
        page = (await customer.get(moved.headers["Location"])).text
        assert "Saved. Send a test" in page
        assert "slack://T...2/…" in page
        assert (await stored())[3] != sealed


async def test_a_channel_without_a_name_is_called_as_its_service_is(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    urls = (
        "pagerduty://key@events",
        "mailtos://smtp.example.com?from=a@b.de&to=a@b.de",
        "splunk://key@api",
        "ilert://k",
    )
    for url in urls:
        made = await tenant.http.post("/v1/alert-channels", json={"url": url, "kinds": list(OF_WEBHOOKS)})
        assert made.is_success, made.text
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account))).text
    for name in ("PagerDuty", "E-mail", "Splunk On-Call", "iLert"):
        assert f'<th scope="row"><bdi class="middle">{name}</bdi><small>' in page
    assert page.count("Told of </span>everything<") == len(urls)


async def test_who_may_only_read_sees_channels_and_changes_none(
    api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    made = (await tenant.http.post("/v1/alert-channels", json={"url": "jsons://example.com/s3cret"})).json()
    async with signed_in(api, world.database, account=tenant.account, scopes=["read"]) as reader:
        page = (await reader.get(path(tenant.account))).text
        assert "jsons://example.com/…" in page
        assert "s3cret" not in page
        assert "Send test" not in page
        assert "Edit" not in page
        for action in ("test", "delete", "status", "edit"):
            answer = await reader.form(path(tenant.account), path(tenant.account, made["id"], action))
            assert answer.status_code == 403
    async with signed_in(api, world.database, account=other_tenant.account) as other:
        page = path(other_tenant.account)
        assert made["id"] not in (await other.get(page)).text
        for action in ("test", "delete", "edit"):
            answer = await other.form(page, path(other_tenant.account, made["id"], action))
            assert answer.status_code == 404


SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def url_of(way: str, **texts: str) -> str:
    empty = AlertChannelForm().texts
    return AlertChannelForm(way, texts={**empty, **texts}).wanted_url()


def test_the_form_writes_urls_with_whatever_stands_in_a_password() -> None:
    odd = "p@ss:w/ö?rd#1%"
    url = url_of("email", recipients="a@b.de, c@d.de", host="smtp.example.com", user="me@b.de", password=odd)
    assert url.startswith(f"mailtos://{quote('me@b.de', safe='')}:{quote(odd, safe='')}@smtp.example.com?")
    assert url_of("webhook", url="https://example.com/a?b=c") == "jsons://example.com/a?b=c"
    assert url_of("pagerduty", key="abc") == "pagerduty://abc@events"
    with pytest.raises(InvalidRequest):
        url_of("webhook", url="example.com")
