"""Lists: every page once, newest first; a cursor, limit or filter that is none is refused."""

from base64 import b64encode, urlsafe_b64encode
from datetime import datetime
from typing import Any

import pytest

from flux_dispatch.domain.ids import Prefix, new_id, parse_id
from tests.support.api import ENCRYPTION_KEY, Caller, check_error, running_api
from tests.support.store_harness import StoreHarness

EVERY_LIST = ["/v1/webhooks", "/v1/events", "/v1/deliveries", "/v1/alerts"]

MEANINGLESS = [
    ("/v1/events", "status", ["done", "", "Pending", "\0", "sending"]),
    ("/v1/events", "type", ["", "\0", "a\0", "*", "a:b{page}"]),
    ("/v1/events", "created_after", ["", "x", "1", "2026-13-01", "0001-01-01T00:00:00+14:00", "٢٠٢٦-01-15"]),
    ("/v1/events", "created_before", ["yesterday", "9999-12-31T23:59:59-14:00", "2026-01-15T25:00:00Z"]),
    ("/v1/events", "webhook", ["", "x", "evt_" + "0" * 32, "\0"]),
    ("/v1/deliveries", "status", ["done", "", "\0"]),
    ("/v1/deliveries", "webhook", ["", "x", "evt_" + "0" * 32, "\0"]),
    ("/v1/deliveries", "event", ["", "x", "wh_" + "0" * 32, "\0"]),
    ("/v1/webhooks", "status", ["enabled"]),
    ("/v1/alerts", "Limit", ["1"]),
    ("/v1/alerts", "webhook", ["", "x", "evt_" + "0" * 32, "\0"]),
    ("/v1/alerts", "acknowledged", ["", "yes", "True", "1", "\0"]),
    ("/v1/events", "key", ["sk_live_"]),
]


@pytest.mark.parametrize("path", EVERY_LIST)
async def test_pages_hold_everything_once_newest_first(
    tenant: Caller, other_tenant: Caller, world: StoreHarness, path: str
) -> None:
    for caller in (tenant, other_tenant):
        await _fill(caller, world)
    whole = (await tenant.http.get(path, params={"limit": 100})).json()
    assert whole.items() >= {"object": "list", "has_more": False, "next_cursor": None}.items()
    ids = [each["id"] for each in whole["data"]]
    assert len(ids) == 7
    assert ids == sorted(ids, reverse=True)
    pages = await _pages(tenant, path, limit="3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [each for page in pages for each in page] == whole["data"]
    assert [len(page) for page in await _pages(tenant, path, limit="7")] == [7]


async def test_a_filter_holds_through_all_pages(tenant: Caller) -> None:
    for n in range(6):
        await tenant.event("even" if n % 2 == 0 else "odd")
    pages = await _pages(tenant, "/v1/events", limit="2", type="even")
    assert [[each["type"] for each in page] for page in pages] == [["even", "even"], ["even"]]


async def test_the_events_of_a_webhook_are_listed_once_through_all_pages(tenant: Caller, world: StoreHarness) -> None:
    webhook = (await tenant.webhook("order.*"))["id"]
    await tenant.webhook("*")
    made = [(await tenant.event("order.completed" if n % 2 == 0 else "user.signup"))["id"] for n in range(10)]
    sent = "SELECT id FROM deliveries WHERE webhook_id = CAST(:webhook AS uuid)"
    for row in await world.rows(sent, webhook=parse_id(Prefix.WEBHOOK, webhook)):
        await world.put(row.id, "delivered")
    again = await tenant.http.post(f"/v1/events/{made[4]}/resend", json={"webhook": webhook})
    assert again.is_success, again.text
    assert (await tenant.http.get(f"/v1/events/{made[4]}")).json()["deliveries"]["total"] == 3
    for status in ({}, {"status": "pending"}):
        pages = await _pages(tenant, "/v1/events", limit="2", webhook=webhook, **status)
        assert [[each["id"] for each in page] for page in pages] == [[made[8], made[6]], [made[4], made[2]], [made[0]]]


async def test_a_page_stays_what_it_is_when_newer_things_come(tenant: Caller) -> None:
    made = [(await tenant.event())["id"] for _ in range(3)]
    first = (await tenant.http.get("/v1/events", params={"limit": 2})).json()
    await tenant.event()
    rest = (await tenant.http.get("/v1/events", params={"cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in rest["data"]] == made[:1]


async def test_a_page_has_25_things_unless_told(tenant: Caller, world: StoreHarness) -> None:
    for _ in range(26):
        await world.webhook(tenant.account, "*")
    answer = (await tenant.http.get("/v1/webhooks")).json()
    assert (len(answer["data"]), answer["has_more"]) == (25, True)


async def test_a_limit_that_is_none_is_refused(tenant: Caller) -> None:
    for path in EVERY_LIST:
        for limit in ("0", "-1", "101", "1000000000", "1" * 5000, "", "x", "1.0", "1_0", "+1", " 1", "\uff11"):
            check_error(await tenant.http.get(path, params={"limit": limit}), 400, "invalid_parameter", "limit")


async def test_a_cursor_of_another_list_or_account_is_refused(
    tenant: Caller, other_tenant: Caller, world: StoreHarness
) -> None:
    for caller in (tenant, other_tenant):
        await _fill(caller, world)
    cursors = {path: await _cursor(tenant, path) for path in EVERY_LIST}
    for path in EVERY_LIST:
        foreign = [cursor for other, cursor in cursors.items() if other != path]
        for cursor in [await _cursor(other_tenant, path), *foreign]:
            check_error(await tenant.http.get(path, params={"cursor": cursor}), 400, "invalid_parameter", "cursor")
    event = (await tenant.http.get("/v1/events")).json()["data"][0]["id"]
    nested = await tenant.http.get(f"/v1/events/{event}/deliveries", params={"cursor": cursors["/v1/deliveries"]})
    check_error(nested, 400, "invalid_parameter", "cursor")


async def test_an_edited_cursor_is_refused(tenant: Caller) -> None:
    for _ in range(3):
        await tenant.event()
    made = await _cursor(tenant, "/v1/events")
    for at, sign in enumerate(made):
        edited = made[:at] + ("A" if sign != "A" else "B") + made[at + 1 :]
        answer = await tenant.http.get("/v1/events", params={"cursor": edited})
        check_error(answer, 400, "invalid_parameter", "cursor")
    for edited in (made + "=", made + "A", made[:-1], made * 2, f"{made} ", f"{made[:9]}!{made[9:]}"):
        answer = await tenant.http.get("/v1/events", params={"cursor": edited})
        check_error(answer, 400, "invalid_parameter", "cursor")


async def test_a_cursor_outlives_a_change_of_the_encryption_key(
    tenant: Caller, database_url: str, redis_url: str
) -> None:
    for _ in range(3):
        await tenant.event()
    made = await _cursor(tenant, "/v1/events")
    newer = b64encode(bytes(32)).decode()
    async with running_api(database_url, redis_url, encryption_keys=f"{newer},{ENCRYPTION_KEY}") as api:
        answer = await tenant.http.get(f"{api}/v1/events", params={"cursor": made})
        assert len(answer.json()["data"]) == 1
    async with running_api(database_url, redis_url, encryption_keys=newer) as api:
        answer = await tenant.http.get(f"{api}/v1/events", params={"cursor": made})
        check_error(answer, 400, "invalid_parameter", "cursor")


async def test_a_cursor_of_rubbish_is_refused(tenant: Caller) -> None:
    own = f"/v1/events {tenant.account}"
    forged = [
        *(_encoded(f"{own} {last}") for last in ("", "0", "ab", "0" * 31, "zz" * 16, "00 " * 16, "0" * 64, "A" * 32)),
        *(_encoded(each) for each in ("", "0" * 32, own, f"{own}{'0' * 32}", f"x {'0' * 32}", "[" * 5000)),
        urlsafe_b64encode(b"\xff\xfe").decode(),
        *("", "x", "=", "%", "ä", "\0", "😀", "' OR 1=1 --"),
    ]
    for cursor in forged:
        answer = await tenant.http.get("/v1/events", params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        check_error(answer, 400, "invalid_parameter", "cursor")


async def test_events_are_narrowed_by_type_and_time(tenant: Caller, world: StoreHarness) -> None:
    early, late = await tenant.event("a"), await tenant.event("b")
    for event, at in [(early, "2026-01-15T10:00:00Z"), (late, "2026-01-15T12:00:00Z")]:
        made_at = datetime.fromisoformat(at)
        await world.do(
            "WITH told AS ("
            "UPDATE event_statuses SET event_id = CAST(:new_id AS uuid) WHERE event_id = CAST(:id AS uuid)) "
            "UPDATE events SET created_at = :at, id = CAST(:new_id AS uuid) WHERE id = CAST(:id AS uuid)",
            at=made_at,
            new_id=parse_id(Prefix.EVENT, new_id(Prefix.EVENT, int(made_at.timestamp() * 1000))),
            id=parse_id(Prefix.EVENT, event["id"]),
        )
    for filters, expected in [
        ({}, ["b", "a"]),
        ({"type": "a"}, ["a"]),
        ({"type": "c"}, []),
        ({"created_after": "2026-01-15T11:00:00Z"}, ["b"]),
        ({"created_after": "2026-01-15T13:00:00+02:00"}, ["b"]),
        ({"created_after": "2026-01-15T12:00:00Z"}, []),
        ({"created_before": "2026-01-15T11:00:00"}, ["a"]),
        ({"created_before": "2026-01-16"}, ["b", "a"]),
        ({"created_after": "2026-01-15T09:00:00Z", "created_before": "2026-01-15T11:00:00Z"}, ["a"]),
    ]:
        answer = await tenant.http.get("/v1/events", params=filters)
        assert [each["type"] for each in answer.json()["data"]] == expected, filters


async def test_a_filter_that_means_nothing_is_refused(tenant: Caller) -> None:
    for path, name, values in MEANINGLESS:
        for value in values:
            answer = await tenant.http.get(path, params={name: value})
            assert answer.status_code == 400, (name, value, answer.text)
            check_error(answer, 400, "invalid_parameter", name)


async def test_a_parameter_that_comes_twice_is_refused(tenant: Caller) -> None:
    webhook = await tenant.webhook("*")
    for path, name, values in [
        ("/v1/events", "status", ["failed", "pending"]),
        ("/v1/webhooks", "limit", ["1", "1"]),
        (f"/v1/webhooks/{webhook['id']}/stats", "period", ["24h", "7d"]),
    ]:
        check_error(await tenant.http.get(path, params={name: values}), 400, "invalid_parameter", name)


async def test_a_plus_that_became_a_space_is_told_how_to_write_it(tenant: Caller) -> None:
    for time in ("2026-01-15T10:30:00+01:00", "2026-01-15T10:30:00.250+0100"):
        answer = await tenant.http.get(f"/v1/events?created_after={time}")
        assert "%2B" in check_error(answer, 400, "invalid_parameter", "created_after")["message"]


async def _fill(caller: Caller, world: StoreHarness) -> None:
    """Give the account seven of everything."""
    for _ in range(6):
        await caller.webhook("nothing")
    await caller.webhook("order.*")
    for _ in range(7):
        await caller.event()
    await world.do(
        """INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
           SELECT account_id, webhook_id, event_id, id, 'gone' FROM deliveries
           WHERE account_id = CAST(:account AS uuid)""",
        account=parse_id(Prefix.ACCOUNT, caller.account),
    )


async def _pages(caller: Caller, path: str, **parameters: str) -> list[list[dict[str, Any]]]:
    pages, more = [], dict(parameters)
    while more:
        answer = (await caller.http.get(path, params=more)).json()
        assert answer["has_more"] == (answer["next_cursor"] is not None)
        pages.append(answer["data"])
        more = {**parameters, "cursor": answer["next_cursor"]} if answer["has_more"] else {}
    return pages


async def _cursor(caller: Caller, path: str) -> str:
    return str((await caller.http.get(path, params={"limit": 2})).json()["next_cursor"])


def _encoded(cursor: str) -> str:
    return urlsafe_b64encode(cursor.encode()).decode()
