"""No form is taken that a page of the same session has not sent, whichever route it is for; and nothing changes."""

import re
from base64 import urlsafe_b64encode

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.dashboard.test_sign_in import new_link
from tests.support.api import Caller
from tests.support.dashboard import SIGN_IN, signed_in
from tests.support.pages import FORMS, ROUTES, Route, stored, things_of
from tests.support.store_harness import StoreHarness

OPEN = {"/dashboard/sign-in", "/dashboard/sign-in/{token}", "/dashboard/sign-out", "/dashboard/theme"}
"""The forms that somebody may send who is not signed in: each is open on purpose."""

NOT_OURS = "This form was not sent by a page of the dashboard."
NO_TOKEN = "This form is of another session, or older than yours."


def foreign_headers(api: str) -> list[dict[str, str]]:
    """Return what browsers say of forms that other sites sent, and what no browser says."""
    port = httpx.URL(api).port
    return [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example"},
        {"Origin": f"http://127.0.0.1:{port}0"},
        {"Origin": f"http://evil.example#@127.0.0.1:{port}"},
        {"Origin": f"http://localhost:{port}"},
        {"Origin": "http://["},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": api, "Sec-Fetch-Site": "cross-site"},
        {"Origin": api, "Sec-Fetch-Site": "same-site"},
        {"Origin": api, "Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]


async def tokens_of(browser: httpx.AsyncClient, page: str) -> list[str]:
    """Return the tokens in the forms of a page."""
    tokens = re.findall(r'name="csrf" value="([^"]+)"', (await browser.get(page)).text)
    assert tokens
    return tokens


async def post(
    browser: httpx.AsyncClient, path: str, headers: dict[str, str], fields: dict[str, str]
) -> httpx.Response:
    """Send a form with these headers alone."""
    request = browser.build_request("POST", path, data=fields)
    del request.headers["Origin"]
    request.headers.update(headers)
    return await browser.send(request)


@pytest.mark.parametrize("route", FORMS, ids=lambda route: route.path)
async def test_every_form_is_refused_that_no_page_of_the_session_sent(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness, route: Route
) -> None:
    path = route.at(await things_of(tenant, with_channel="channel" in route.names))
    page = f"/dashboard/{tenant.account}/webhooks"
    async with (
        signed_in(api, database, operator=True) as operator,
        signed_in(api, database, operator=True) as another,
    ):
        (token, *_), (foreign, *_) = await tokens_of(operator, page), await tokens_of(another, page)
        before = await stored(world)
        for headers in foreign_headers(api):
            answer = await post(operator, path, headers, {"csrf": token})
            assert (answer.status_code, NOT_OURS in answer.text) == (403, True), headers
        made_up = urlsafe_b64encode(bytes(64)).decode()
        for wrong in (None, "", "ü", "x", foreign, made_up, token[:-4], token[4:], token[::-1]):
            fields = {} if wrong is None else {"csrf": wrong}
            answer = await post(operator, path, {"Origin": api}, fields)
            assert (answer.status_code, NO_TOKEN in answer.text) == (403, True), wrong
        answer = await operator.post(path, files={"csrf": ("name", token.encode())})
        assert answer.status_code == 403, "a file is no token"
        answer = await operator.post(f"{path}?csrf={token}")
        assert answer.status_code == 403, "nor is one in the address, which is told to others"
        assert await stored(world) == before


def test_the_forms_that_need_no_session_are_these() -> None:
    assert {each.path for each in ROUTES if each.method != "GET" and each.needs.scope is None} == OPEN
    assert {each.method for each in ROUTES} == {"GET", "POST"}


async def test_other_sites_sign_nobody_in_or_out_and_choose_nothing(
    api: str, database: AsyncEngine, tenant: Caller, world: StoreHarness
) -> None:
    link = await new_link(database, tenant.account)
    async with (
        signed_in(api, database, account=tenant.account) as customer,
        httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as stranger,
    ):
        before = await stored(world)
        for headers in foreign_headers(api):
            for browser in (customer, stranger):
                for path, fields in (
                    (SIGN_IN, {"key": tenant.key}),
                    (link, {}),
                    ("/dashboard/sign-out", {}),
                    ("/dashboard/theme", {"theme": "dark"}),
                ):
                    answer = await post(browser, path, headers, fields)
                    assert (answer.status_code, NOT_OURS in answer.text) == (403, True), (path, headers)
                    assert "Set-Cookie" not in answer.headers
        assert await stored(world) == before


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "{api}"}, {"Origin": "{api}", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin"}],
)
async def test_tokens_differ_from_page_to_page_and_each_works(
    api: str, database: AsyncEngine, tenant: Caller, headers: dict[str, str]
) -> None:
    new = f"/dashboard/{tenant.account}/webhooks/new"
    async with signed_in(api, database, account=tenant.account) as browser:
        pages = [await tokens_of(browser, new) for _ in range(3)]
        assert all(len(set(each)) == 1 for each in pages)
        tokens = {each[0] for each in pages}
        assert len(tokens) == 3
        for token in [*tokens, *tokens]:
            said = {name: value.format(api=api) for name, value in headers.items()}
            answer = await post(browser, new, said, {"csrf": token})
            assert answer.status_code == 422, answer.text


FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"


@pytest.mark.parametrize(
    ("content_type", "body", "statuses"),
    [
        (f"{FORM}; charset=nonsense", b"csrf=a", {422}),
        (FORM, b"csrf=\xff\xfe", {422}),
        (PARTS, b"csrf=a", {422}),
        (f"{PARTS}; boundary=x", b"csrf=a", {422}),
        (f"{PARTS}; boundary=x", b"--x\r\nnonsense\r\n\r\n--x--\r\n", {422}),
        (FORM, b"a" * 300_000, {413}),
        ("application/json", b'{"csrf": "a"}', {403, 422, 303}),
        ("text/plain", b"csrf=a", {403, 422, 303}),
    ],
)
async def test_what_is_no_form_is_refused_in_words(
    api: str, tenant: Caller, content_type: str, body: bytes, statuses: set[int]
) -> None:
    async with httpx.AsyncClient(base_url=api, headers={"Origin": api}, trust_env=False) as browser:
        assert (await browser.post(SIGN_IN, data={"key": tenant.key})).status_code == 303
        answers = [
            await browser.post(path, content=body, headers={"Content-Type": content_type})
            for path in (f"/dashboard/{tenant.account}/webhooks/new", SIGN_IN, "/dashboard/theme")
        ]
    assert {each.status_code for each in answers} == statuses
    assert all("<h1>" in each.text for each in answers if each.status_code != 303)
