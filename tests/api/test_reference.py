"""The reference page is what the OpenAPI document says, safe to load, and small."""

import gzip
import re
import time
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from flux_dispatch.api.reference.page import MOST_KEPT, SERVER, ReferencePage, written
from tests.support.api import running_api
from tests.support.described import DOCUMENT

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MOST_BYTES, MOST_BYTES_BESIDE = 60_000, 40_000
MOST_SECONDS = 0.1
EMPTY = {"meta", "link", "input", "img", "br", "hr", "wbr"}


class Parsed(HTMLParser):
    """What a page is made of; it fails where an element is closed that was not opened last."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes |= given.keys()
        self.ids += [given["id"]] if given.get("id") else []
        if tag == "a":
            self.links.append(given["href"] or "")
        self.loaded += [value for name in ("src", "href") if tag != "a" and (value := given.get(name))]
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@pytest.fixture
async def page(api: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=api) as anybody:
        answer = await anybody.get("/docs")
    assert answer.status_code == 200
    return answer


async def test_it_loads_nothing_from_elsewhere_and_runs_nothing_inline(page: httpx.Response) -> None:
    assert page.headers["Content-Security-Policy"] == CSP
    parsed = Parsed(page.text)
    assert all(re.fullmatch(r"/static/[0-9a-f]{12}/\w+\.(js|css|svg)", each) for each in parsed.loaded)
    assert not {each for each in parsed.attributes if each == "style" or each.startswith("on")}
    assert not [each for each in parsed.links if each.lower().startswith(("javascript:", "data:"))]
    assert "<style" not in page.text


async def test_what_it_loads_is_there_and_may_be_kept(api: str, page: httpx.Response) -> None:
    async with httpx.AsyncClient(base_url=api) as anybody:
        sizes = []
        for each in Parsed(page.text).loaded:
            answer = await anybody.get(each)
            assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
            assert "immutable" in answer.headers["Cache-Control"]
            sizes.append(len(gzip.compress(answer.content)))
        assert sum(sizes) <= MOST_BYTES_BESIDE
        assert (await anybody.get("/static/000000000000/flux.css")).headers["Cache-Control"] == "no-cache"
        assert (await anybody.get("/static/000000000000/other.css")).status_code == 404


async def test_it_is_small_on_the_wire(api: str, page: httpx.Response) -> None:
    assert page.headers["Content-Encoding"] == "gzip"
    async with httpx.AsyncClient(base_url=api, headers={"Accept-Encoding": "identity"}) as anybody:
        plain = await anybody.get("/docs")
    assert "Content-Encoding" not in plain.headers
    assert plain.text == page.text
    assert len(gzip.compress(plain.content)) <= MOST_BYTES


async def test_it_comes_at_once_to_all_but_the_first(api: str, page: httpx.Response) -> None:
    seconds = []
    async with httpx.AsyncClient(base_url=api) as anybody:
        for _ in range(5):
            began = time.monotonic()
            assert (await anybody.get("/docs")).text == page.text
            seconds.append(time.monotonic() - began)
    assert min(seconds) <= MOST_SECONDS


@pytest.mark.parametrize("codings", ["br", "gzip;q=0", "gzip; q=0.0, br"])
async def test_who_takes_no_gzip_gets_none(api: str, page: httpx.Response, codings: str) -> None:
    async with httpx.AsyncClient(base_url=api) as anybody:
        plain = await anybody.get("/docs", headers={"Accept-Encoding": codings})
        packed = await anybody.get("/docs", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.text == packed.text == page.text
    assert plain.headers["Vary"] == "Accept-Encoding"


async def test_each_operation_is_told_and_called(api: str, page: httpx.Response) -> None:
    parts = re.split(r'(?=<section class="operation)', page.text)[1:]
    told = {found[1]: part for part in parts if (found := re.search(r'id="([\w.]+)"', part))}
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            # the last one of a resource is followed by its objects
            part = told[operation["operationId"]].partition('<section class="objects"')[0]
            text = Parsed(part.partition("</section>")[0] + "</section>").text
            assert f"{method.upper()} {path}" in text
            assert ("curl -X" in text) == (method != "get")
            assert f"{api}/v1/" in text
            assert f"flux.{operation['operationId']}(" in text
            names = [each["name"] for each in operation["parameters"] if each["name"] != "Flux-Account"]
            assert [name for name in [*names, operation["x-scope"]] if name not in text] == []
    assert SERVER not in page.text


def test_everything_described_has_its_place_and_every_link_one() -> None:
    parsed = Parsed(written(DOCUMENT))
    assert len(set(parsed.ids)) == len(parsed.ids)
    operations = {each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()}
    errors = {f"error-{code}" for code in DOCUMENT["components"]["examples"]}
    schemas = {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]}
    general = {"keys", "errors", "idempotency", "lists", "rate-limits", "receivers", "own-events"}
    own_events = set(DOCUMENT["webhooks"]) - {"event"}
    described = operations | errors | schemas | general | own_events | {tag["name"] for tag in DOCUMENT["tags"]}
    assert described <= set(parsed.ids)
    assert {each[1:] for each in parsed.links if each.startswith("#")} <= set(parsed.ids)


def test_markup_in_what_is_described_is_text() -> None:
    evil = "<script>alert(1)</script><img src=//evil.example onerror=x>![i](//evil.example/i)[l](javascript:x)"
    doctored: dict[str, Any] = deepcopy(DOCUMENT)
    operation = doctored["paths"]["/v1/webhooks"]["post"]
    operation.update(summary=evil, description=evil)
    operation["requestBody"]["content"]["application/json"]["example"]["url"] = evil
    doctored["components"]["schemas"]["WebhookBody"]["properties"]["url"]["description"] = evil
    doctored["components"]["examples"]["invalid_url"]["summary"] = evil
    doctored["info"].update(summary=evil, description=f"{doctored['info']['description']}\n{evil}")
    doctored["tags"][0]["description"] = evil
    doctored["webhooks"]["event"]["post"]["description"] = evil
    doctored["webhooks"]["flux.delivery.failed"]["post"].update(summary=evil, description=evil)
    parsed = Parsed(written(doctored))
    # an image becomes a link, which loads nothing until somebody follows it
    assert [each for each in parsed.loaded if "evil" in each] == []
    assert [each for each in parsed.links if each.startswith("javascript:")] == []
    assert not {each for each in parsed.attributes if each.startswith("on")}
    assert parsed.text.count("<script>alert(1)</script>") > 8


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
@pytest.mark.parametrize("host", ["$(rm -rf x)", "x;reboot", '"><script>', "a/b"])
async def test_a_host_that_is_none_is_copied_into_no_command(api: str, path: str, host: str) -> None:
    async with httpx.AsyncClient(base_url=api, headers={"Host": host}) as anybody:
        answer = await anybody.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert host not in answer.text


async def test_the_public_url_goes_before_the_host(database_url: str, redis_url: str) -> None:
    async with (
        running_api(database_url, redis_url, public_url="https://flux.acme.example") as api,
        httpx.AsyncClient(base_url=api, headers={"Host": "$(rm -rf x)"}) as anybody,
    ):
        text = (await anybody.get("/docs")).text
    assert "https://flux.acme.example/v1/" in text
    assert "127.0.0.1" not in text


async def test_hosts_that_are_made_up_fill_no_memory() -> None:
    page = ReferencePage(lambda: DOCUMENT)
    first = await page.under("http://0.example")
    for number in range(MOST_KEPT + 5):
        await page.under(f"http://{number}.example")
    assert len(page._kept) == MOST_KEPT
    assert await page.under("http://0.example") is not first
