"""The catalogue in the dashboard: its list, a type with its schema, and changing it with the rules of the API."""

import json
from html import unescape
from typing import Any

from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from tests.support.api import Caller
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {"type": "string", "maxLength": 40, "description": "Our number of the order."},
        "total": {"type": "object", "properties": {"cents": {"type": "integer", "minimum": 0}}},
    },
}
EVIL = "<script>alert(1)</script>"


def path(account: AccountId, *more: str) -> str:
    return "/".join([f"/dashboard/{account}/event-types", *more])


async def described(tenant: Caller, name: str = "order.completed", **values: Any) -> None:
    answer = await tenant.http.post("/v1/event-types", json={"name": name, **values})
    assert answer.status_code == 201, answer.text


async def known(tenant: Caller, name: str) -> dict[str, Any]:
    answer = await tenant.http.get(f"/v1/event-types/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_types_are_listed_by_group_and_archived_ones_are_folded_away(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    await described(tenant, "invoice.paid", group="Billing", description="Somebody paid.")
    await described(tenant, "user.created")
    await described(tenant, "user.merged")
    await tenant.http.delete("/v1/event-types/user.merged")
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account))).text
    live, archived = page.split("Archived")
    assert (
        live.index("Billing") < live.index("invoice.paid") < live.index("Somebody paid.") < live.index("user.created")
    )
    assert "user.merged" not in live
    assert "user.merged" in archived
    assert "+new" not in page


async def test_all_of_three_hundred_types_are_there(api: str, tenant: Caller, world: StoreHarness) -> None:
    await world.do(
        "INSERT INTO event_types (account_id, name, description) "
        "SELECT CAST(:account AS uuid), 'noun' || n % 12 || '.verb' || n, 'It is so.' FROM generate_series(1, 300) n",
        account=parse_id(Prefix.ACCOUNT, tenant.account),
    )
    async with signed_in(api, world.database, account=tenant.account) as customer:
        answer = await customer.get(path(tenant.account))
    assert all(f"/event-types/noun{n % 12}.verb{n}" in answer.text for n in range(1, 301))
    assert answer.num_bytes_downloaded < 60_000


async def test_an_empty_catalogue_says_what_would_stand_there(api: str, tenant: Caller, world: StoreHarness) -> None:
    await world.do("DELETE FROM event_types")
    async with signed_in(api, world.database, account=tenant.account) as customer:
        assert "Nothing is described here yet" in (await customer.get(path(tenant.account))).text
    async with signed_in(api, world.database, operator=True) as operator:
        assert "The catalogue is empty" in (await operator.get(path(tenant.account))).text


async def test_a_type_tells_its_schema_its_example_and_who_takes_it(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    await described(tenant, description="An order is complete.", schema=SCHEMA, example={"order": "ord_1"})
    takes_it, takes_all, other = [await tenant.webhook(each) for each in ("order.*", "*", "user.created")]
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account, "order.completed"))).text
    for piece in ("An order is complete.", "Our number of the order.", "at most 40 characters", "total.", "at least 0"):
        assert piece in page
    assert "&#34;ord_1&#34;" in page
    assert takes_it["id"] in page
    assert takes_all["id"] in page
    assert other["id"] not in page
    assert '<details class="section" open>' not in page


async def test_a_schema_that_is_no_table_stands_open_as_json(api: str, tenant: Caller, world: StoreHarness) -> None:
    await described(tenant, schema={"oneOf": [{"required": ["order"]}, {"required": ["invoice"]}]})
    async with signed_in(api, world.database, account=tenant.account) as customer:
        page = (await customer.get(path(tenant.account, "order.completed"))).text
    assert '<details class="section" open>' in page
    assert "oneOf" in page
    assert '<th scope="col">Property</th>' not in page


async def test_a_large_example_is_whole_and_takes_no_time_to_be_highlighted(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, world.database, account=tenant.account) as customer:
        for count, is_highlighted in ((10, True), (2000, False)):
            await described(tenant, f"of.{count}", example={f"k{n}": [n, "value"] for n in range(count)})
            page = (await customer.get(path(tenant.account, f"of.{count}"))).text
            assert f"k{count - 1}" in page
            assert ('<i class="' in page) is is_highlighted


async def test_stored_markup_is_text(api: str, tenant: Caller, world: StoreHarness) -> None:
    schema = {
        "properties": {EVIL: {"description": EVIL, "enum": [EVIL]}, "n": {"pattern": EVIL}},
        "oneOf": [{"title": EVIL}],
    }
    await described(tenant, description=EVIL, group=EVIL, example={EVIL: EVIL}, schema=schema)
    async with signed_in(api, world.database, operator=True) as operator:
        for page in (
            path(tenant.account),
            path(tenant.account, "order.completed"),
            path(tenant.account, "order.completed", "edit"),
        ):
            answer = await operator.get(page)
            assert answer.status_code == 200
            assert EVIL not in answer.text
            assert EVIL in unescape(answer.text)


async def test_anothers_types_are_not_there(
    api: str, tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    await described(other_tenant, "secret.plan", example={"n": 1})
    await other_tenant.webhook("order.*")
    await described(tenant)
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as client:
        assert "secret.plan" not in (await client.get(path(tenant.account))).text
        assert "No webhook takes it" in (await client.get(path(tenant.account, "order.completed"))).text
        for page in (
            path(tenant.account, "secret.plan"),
            path(other_tenant.account),
            path(other_tenant.account, "secret.plan"),
        ):
            assert (await client.get(page)).status_code == 404
        for action in ("edit", "archive", "publish"):
            refused = await client.form(path(tenant.account), path(tenant.account, "secret.plan", action))
            assert refused.status_code == 404
    assert (await known(other_tenant, "secret.plan"))["archived_at"] is None


async def test_a_type_is_described_changed_archived_and_brought_back(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    async with signed_in(api, world.database, account=tenant.account, scopes=["read", "event_types:write"]) as client:
        new = path(tenant.account, "+new")
        fields = {"name": "invoice.paid", "description": "Paid.", "group": "Billing", "schema": json.dumps(SCHEMA)}
        made = await client.form(new, example='{"order": "ord_1"}', **fields)
        assert made.headers["Location"] == path(tenant.account, "invoice.paid") + "?done=event_type_described"
        assert (await known(tenant, "invoice.paid"))["example"] == {"order": "ord_1"}

        edit = path(tenant.account, "invoice.paid", "edit")
        changed = await client.form(edit, version="1", description="All of it was paid.")
        assert changed.headers["Location"].endswith("done=event_type_changed")
        now = await known(tenant, "invoice.paid")
        assert (now["description"], now["group"], now["example"], now["schema"]) == (
            "All of it was paid.",
            None,
            None,
            None,
        )

        archived = await client.form(edit, path(tenant.account, "invoice.paid", "archive"))
        assert archived.headers["Location"].endswith("done=event_type_archived")
        assert (await known(tenant, "invoice.paid"))["archived_at"]
        shown = (await client.get(path(tenant.account, "invoice.paid"))).text
        assert f"{new}?name=invoice.paid" in shown

        assert "All of it was paid." in (await client.get(f"{new}?name=invoice.paid")).text
        assert (await client.form(new, name="invoice.paid")).status_code == 303
        assert (await known(tenant, "invoice.paid"))["archived_at"] is None


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    await described(tenant, "order.known")
    wrong = [
        ({"name": "no type"}, 422, "name", "An event type is words of"),
        ({"name": "order.known"}, 409, "name", "There is an event type of this name"),
        ({"description": "x" * 501}, 422, "description", "0 to 500 characters"),
        ({"group": "x" * 65}, 422, "group", "1 to 64 characters"),
        ({"example": "{"}, 422, "example", "This is not JSON"),
        ({"example": "[1]"}, 422, "example", "Give a JSON object"),
        ({"example": '{"a": 1, "a": 2}'}, 422, "example", "stands there twice"),
        ({"example": '{"a": NaN}'}, 422, "example", "NaN is no JSON number"),
        ({"example": '{"a": 1e999}'}, 422, "example", "larger number"),
        ({"example": '{"a":' * 101 + "1" + "}" * 101}, 422, "example", "100 levels deep"),
        ({"example": '{"a":' * 20_000}, 422, "example", "This is"),
        ({"example": '{"a": "\\ud800"}'}, 400, "example", "half a surrogate pair"),
        ({"schema": '{"type": "no such"}'}, 422, "schema", "This schema cannot be used"),
        ({"schema": '{"required": ["b"]}', "example": '{"a": 1}'}, 422, "example", "does not meet the schema"),
    ]
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as client:
        for fields, status, field, message in wrong:
            given = {"name": "order.new", "description": "Kept.", **fields}
            answer = await client.form(path(tenant.account, "+new"), **given)
            problem = unescape(answer.text).partition(f'id="{field}-problem">')[2].partition("</p>")[0]
            assert answer.status_code == status, (fields, answer.text)
            assert message in problem, (fields, problem)
            assert all(each in unescape(answer.text) for each in given.values())
    assert (await tenant.http.get("/v1/event-types/order.new")).status_code == 404


async def test_what_another_changed_meanwhile_is_not_overwritten_unseen(
    api: str, tenant: Caller, world: StoreHarness
) -> None:
    await described(tenant, description="Mine.")
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as client:
        await tenant.http.patch("/v1/event-types/order.completed", json={"description": "Theirs."})
        edit = path(tenant.account, "order.completed", "edit")
        refused = await client.form(edit, version="1", description="Mine, too.")
        assert refused.status_code == 409
        assert "Somebody has changed this event type" in refused.text
        assert "Mine, too." in refused.text
        assert (await known(tenant, "order.completed"))["description"] == "Theirs."
        assert 'name="version" value="2"' in refused.text


async def test_the_example_is_published_as_it_stands(api: str, tenant: Caller, world: StoreHarness) -> None:
    await described(tenant, example={"amount": 1.5, "café": "é"})
    async with signed_in(api, world.database, account=tenant.account, scopes=["read", "events:write"]) as client:
        page = path(tenant.account, "order.completed")
        assert "Publish the example" in (await client.get(page)).text
        answer = await client.form(page, f"{page}/publish")
    (event,) = (await tenant.http.get("/v1/events")).json()["data"]
    assert (event["type"], event["data"]) == ("order.completed", {"amount": 1.5, "café": "é"})
    assert answer.headers["Location"] == f"/dashboard/{tenant.account}/events/{event['id']}?done=event_published"


async def test_a_type_without_an_example_publishes_nothing(api: str, tenant: Caller, world: StoreHarness) -> None:
    await described(tenant)
    async with signed_in(api, world.database, account=tenant.account, scopes=["admin"]) as client:
        page = path(tenant.account, "order.completed")
        assert "Publish the example" not in (await client.get(page)).text
        answer = await client.form(page, f"{page}/publish")
        assert answer.status_code == 422
        assert "no example to publish" in answer.text
    assert (await tenant.http.get("/v1/events")).json()["data"] == []


async def test_customers_and_readers_only_read(api: str, tenant: Caller, world: StoreHarness) -> None:
    await described(tenant, example={"n": 1})
    page = path(tenant.account, "order.completed")
    async with signed_in(api, world.database, account=tenant.account) as customer:
        text = (await customer.get(page)).text
        assert not any(each in text for each in ("Publish the example", "/edit", "Archive"))
        assert (await customer.form(page, f"{page}/publish")).status_code == 404
        assert (await customer.form(page, f"{page}/archive")).status_code == 404
        assert (await customer.get(path(tenant.account, "+new"))).status_code == 404
    async with signed_in(api, world.database, account=tenant.account, scopes=["read"]) as reader:
        text = (await reader.get(page)).text
        assert not any(each in text for each in ("Publish the example", "/edit", "Archive", "Add Endpoint"))
        for action in ("publish", "archive", "edit"):
            assert (await reader.form(page, f"{page}/{action}")).status_code == 403
    assert (await tenant.http.get("/v1/events")).json()["data"] == []
