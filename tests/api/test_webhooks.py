"""Webhooks over HTTP: created, listed, shown, deleted, and refused with the field that is wrong."""

import asyncio
import re
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.signing import SECRET_BYTES
from tests.support.api import URL, Caller, api_client, check_error, running_api
from tests.support.store_harness import StoreHarness

REFUSED_URLS = [
    ("", "invalid_url"),
    ("file:///etc/passwd", "invalid_url"),
    ("//example.com/", "invalid_url"),
    ("https://user:pass@example.com/", "invalid_url"),
    ("https://example.com/\n", "invalid_url"),
    ("https://example.com/\0", "invalid_url"),
    (" https://example.com/", "invalid_url"),
    ("https://exa mple.com/", "invalid_url"),
    ("https://example.com/" + "x" * 2029, "invalid_url"),
    ("https://0x7f000001/", "invalid_url"),
    ("http://example.com/", "https_required"),
    ("https://example.com:6379/", "blocked_port"),
    ("https://localhost/", "blocked_address"),
    ("https://169.254.169.254/latest", "blocked_address"),
    ("https://[::ffff:127.0.0.1]/", "blocked_address"),
    ("https://metadata.google.internal/", "blocked_address"),
]

BYTE_FOR_BYTE = [
    "/a%3Ab?sp=%2Ftriggers&list[]=1&z=%41",
    "/a/%2e%2e/b",
    "/a/../b",
    "/q?",
    "/c?sig=a%2Fb%3D%2B&x=a%20b&u=http%3A%2F%2Fy&v='1'",
]
"""Paths and queries that other systems write anew: what is signed over their bytes breaks then."""

NAMED_CHARACTERS = [
    ("https://example.com/{id}", "The URL has { at character 21", "write %7B in its place"),
    ('https://example.com/?q="a"', 'The URL has " at character 24', "write %22 in its place"),
    ("https://example.com/a b", "The URL has a space at character 22", "write %20"),
    ("https://example.com/\u00fc", "The URL has \u00fc (U+00FC) at character 21", "write %C3%BC in its place"),
]

WRONG_FIELDS: list[tuple[str, object, str]] = [
    ("events", [], "events"),
    ("events", ["*"] * 101, "events"),
    ("events", ["order.completed", "a..b"], "events[1]"),
    ("events", ["ord*"], "events[0]"),
    ("events", ["*.completed"], "events[0]"),
    ("events", ["x" * 129], "events[0]"),
    ("events", [""], "events[0]"),
    ("description", "x" * 501, "description"),
    ("description", "a\0b", "description"),
    ("headers", {"X-Evil": "a\r\nHost: b"}, "headers.X-Evil"),
    ("headers", {"X Space": "a"}, "headers.X Space"),
    ("headers", {"Host": "a"}, "headers.Host"),
    ("headers", {"content-LENGTH": "1"}, "headers.content-LENGTH"),
    ("headers", {"Transfer-Encoding": "chunked"}, "headers.Transfer-Encoding"),
    ("headers", {"Flux-Signature": "t=1"}, "headers.Flux-Signature"),
    ("headers", {"webhook-id": "1"}, "headers.webhook-id"),
    ("headers", {"X-Long": "x" * 70_000}, "headers.X-Long"),
    ("headers", {"X-Team": ""}, "headers.X-Team"),
    ("headers", {"X-Team": "ä"}, "headers.X-Team"),
    ("headers", {"X-Team": "a", "x-team": "b"}, "headers"),
    ("headers", {f"X-{n}": "a" for n in range(21)}, "headers"),
]

WRONG_TYPES: list[tuple[dict[str, object], int, str, str]] = [
    ({"url": None}, 400, "wrong_type", "url"),
    ({"url": 7}, 400, "wrong_type", "url"),
    ({"events": "*"}, 400, "wrong_type", "events"),
    ({"events": ["*", 7]}, 400, "wrong_type", "events[1]"),
    ({"headers": {"X-Team": 7}}, 400, "wrong_type", "headers.X-Team"),
    ({"secret": "whsec_"}, 422, "unknown_field", "secret"),
]


async def test_a_webhook_is_created_with_a_secret_that_is_shown_once(tenant: Caller) -> None:
    given = {"url": URL, "events": ["order.completed", "invoice.*"], "description": "Läden", "headers": {"X-Team": "b"}}
    before = datetime.now(UTC).replace(microsecond=0)
    answer = await tenant.http.post("/v1/webhooks", json=given)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    secret = made.pop("secret")
    assert re.fullmatch(rf"whsec_[A-Za-z0-9+/]{{{SECRET_BYTES * 4 // 3}}}", secret)
    assert re.fullmatch(r"wh_[0-9a-f]{32}", made["id"])
    assert answer.headers["Location"] == f"/v1/webhooks/{made['id']}"
    assert made.items() >= {**given, "object": "webhook", "status": "enabled", "disabled_reason": None}.items()
    assert before <= datetime.fromisoformat(made["created"]) == datetime.fromisoformat(made["updated"])
    shown = await tenant.http.get(answer.headers["Location"])
    assert shown.json() == made
    assert (await tenant.http.get("/v1/webhooks")).json()["data"] == [made]


async def test_only_url_and_events_are_needed(tenant: Caller) -> None:
    made = await tenant.webhook("*")
    assert (made["description"], made["headers"]) == ("", {})


async def test_repeated_events_are_kept_once_in_their_order(tenant: Caller) -> None:
    made = await tenant.webhook("b", "a.*", "b", "*")
    assert made["events"] == ["b", "a.*", "*"]


async def test_a_deleted_webhook_is_gone_and_wants_nothing(tenant: Caller) -> None:
    made = await tenant.webhook("*")
    assert (await tenant.event())["webhooks"] == 1
    answer = await tenant.http.delete(f"/v1/webhooks/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Request-Id"]
    assert (await tenant.event())["webhooks"] == 0
    assert (await tenant.http.get("/v1/webhooks")).json()["data"] == []
    check_error(await tenant.http.get(f"/v1/webhooks/{made['id']}"), 404, "not_found")
    check_error(await tenant.http.delete(f"/v1/webhooks/{made['id']}"), 404, "not_found")


async def test_a_url_is_stored_in_its_canonical_form(tenant: Caller) -> None:
    for given, canonical in [
        ("HTTPS://Example.COM:443#part", "https://example.com/"),
        ("https://bücher.example/a?b=c", "https://xn--bcher-kva.example/a?b=c"),
    ]:
        answer = await tenant.http.post("/v1/webhooks", json={"url": given, "events": ["*"]})
        assert answer.json()["url"] == canonical


async def test_path_and_query_are_shown_as_they_were_registered(tenant: Caller) -> None:
    other = await tenant.webhook("*")
    for target in BYTE_FOR_BYTE:
        given = {"url": f"https://example.com{target}"}
        made = (await tenant.http.post("/v1/webhooks", json={**given, "events": ["*"]})).json()
        changed = (await tenant.http.patch(f"/v1/webhooks/{other['id']}", json=given)).json()
        shown = (await tenant.http.get(f"/v1/webhooks/{made['id']}")).json()
        assert {each["url"] for each in (made, changed, shown)} == {given["url"]}


async def test_a_character_that_may_not_stand_in_a_url_is_named_with_what_to_write(tenant: Caller) -> None:
    made = await tenant.webhook("*")
    for url, what, mend in NAMED_CHARACTERS:
        for answer in (
            await tenant.http.post("/v1/webhooks", json={"url": url, "events": ["*"]}),
            await tenant.http.patch(f"/v1/webhooks/{made['id']}", json={"url": url}),
        ):
            said = check_error(answer, 422, "invalid_url", "url")["message"]
            assert said.startswith(what)
            assert mend in said


async def test_a_url_that_must_not_be_called_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for url, code in REFUSED_URLS:
        answer = await tenant.http.post("/v1/webhooks", json={"url": url, "events": ["*"]})
        error = check_error(answer, 422, code, "url")
        assert "pass@" not in error["message"]
    assert await world.scalar("SELECT count(*) FROM webhooks") == 0


async def test_a_wrong_field_is_named_and_nothing_is_stored(tenant: Caller, world: StoreHarness) -> None:
    for field, value, param in WRONG_FIELDS:
        answer = await tenant.http.post("/v1/webhooks", json={"url": URL, "events": ["*"], field: value})
        code = "invalid_event_type" if "[" in param else "invalid_value"
        check_error(answer, 422, code, param)
    assert await world.scalar("SELECT count(*) FROM webhooks") == 0


async def test_a_field_of_the_wrong_type_is_named(tenant: Caller) -> None:
    for change, status, code, param in WRONG_TYPES:
        answer = await tenant.http.post("/v1/webhooks", json={"url": URL, "events": ["*"], **change})
        check_error(answer, status, code, param)


async def test_a_missing_field_is_named(tenant: Caller) -> None:
    check_error(await tenant.http.post("/v1/webhooks", json={"events": ["*"]}), 422, "missing_field", "url")
    check_error(await tenant.http.post("/v1/webhooks", json={"url": URL}), 422, "missing_field", "events")


async def test_an_operator_can_open_plain_http_and_networks(tenant: Caller, database_url: str, redis_url: str) -> None:
    opened = {"require_https": "false", "allow_networks": "127.0.0.0/8"}
    async with running_api(database_url, redis_url, **opened) as api:
        given = {"url": "http://127.0.0.1:8081/hooks", "events": ["*"]}
        answer = await tenant.http.post(f"{api}/v1/webhooks", json=given)
        assert answer.json()["url"] == given["url"]
        refused = await tenant.http.post(f"{api}/v1/webhooks", json={**given, "url": "http://10.0.0.1/"})
        check_error(refused, 422, "blocked_address", "url")


async def test_an_account_may_have_so_many_webhooks_and_no_more(
    database_url: str, redis_url: str, database: AsyncEngine, world: StoreHarness
) -> None:
    async with (
        running_api(database_url, redis_url, webhooks_per_account="5") as api,
        api_client(api, database) as tenant,
    ):
        kept = await tenant.webhook("*")
        answers = await asyncio.gather(
            *(tenant.http.post("/v1/webhooks", json={"url": URL, "events": ["*"]}) for _ in range(50))
        )
        assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 46
        error = next(check_error(each, 409, "too_many_webhooks") for each in answers if each.status_code == 409)
        assert "FLUX_WEBHOOKS_PER_ACCOUNT" in error["message"]
        assert await world.scalar("SELECT count(*) FROM webhooks") == 5
        assert (await tenant.http.delete(f"/v1/webhooks/{kept['id']}")).status_code == 204
        await tenant.webhook("*")
        async with api_client(api, database) as other_tenant:
            await other_tenant.webhook("*")


async def test_flux_itself_is_no_receiver_but_what_it_relays(
    database_url: str, redis_url: str, database: AsyncEngine, world: StoreHarness
) -> None:
    own = {"public_url": "https://Flux.example.com"}
    async with running_api(database_url, redis_url, **own) as api, api_client(api, database) as caller:
        made = await caller.webhook("*")
        place = f"/v1/webhooks/{made['id']}"
        for url in (
            "https://flux.example.com/v1/events",
            "https://FLUX.EXAMPLE.COM.:443",
            "https://flux.example.com/in",
        ):
            for answer in (
                await caller.http.post("/v1/webhooks", json={"url": url, "events": ["*"]}),
                await caller.http.patch(place, json={"url": url}),
            ):
                error = check_error(answer, 422, "invalid_url", "url")
                assert "FLUX_PUBLIC_URL" in error["message"]
        assert (await caller.http.get(place)).json()["url"] == made["url"]
        relayed = {"url": "https://flux.example.com/in/c_1"}
        assert (await caller.http.patch(place, json=relayed)).json()["url"] == relayed["url"]
        assert (await caller.http.post("/v1/webhooks", json={**relayed, "events": ["*"]})).status_code == 201
    assert await world.scalar("SELECT count(*) FROM webhooks WHERE url LIKE 'https://flux.example.com/%'") == 2
