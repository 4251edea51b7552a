"""A client is made of what can be right, says so at once where it is not, keeps its key to itself, and sends it."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
from typing import Any, Callable

import httpx
import pytest

import flux_webhooks
from flux_webhooks import AsyncFlux, ConfigurationError, Flux, FluxError, NotFoundError, verify
from flux_webhooks.errors import RateLimitError, SignatureError

URL = "https://flux.example.com"
KEY = "sk_live_0123456789abcdefghijABCDEFGHIJ99secret"
LIST = {"object": "list", "data": [], "has_more": False, "next_cursor": None}
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "a.b",
    "created": "2026-01-15T10:30:00Z",
    "data": {},
    "status": "pending",
    "test": False,
    "deliveries": {"total": 1, "pending": 1, "delivered": 0, "failed": 0, "canceled": 0},
}
COLOURS = pytest.mark.parametrize("make", [Flux, AsyncFlux])


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLUX_API_KEY", "FLUX_API_URL"):
        monkeypatch.delenv(name, raising=False)


@COLOURS
@pytest.mark.parametrize(
    "key", [None, "", " ", f"{KEY}\n", f"\n{KEY}", f"{KEY} x", "sk_live_ü", "sk\0", 7, KEY.encode()]
)
def test_a_key_that_cannot_be_right_is_said_without_showing_it(make: Any, key: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"api_key") as refused:
        make(key, api_url=URL)
    assert KEY not in repr(refused.value) + str(refused.value)
    assert isinstance(refused.value, ValueError)


@COLOURS
@pytest.mark.parametrize(
    "url",
    [
        *(None, "", " ", "flux.example.com", "localhost:8000", "ftp://flux.example.com", "https://", "https:///v1", 7),
        *("https://flux.example.com\n", " https://flux.example.com", "https://flux.example.com:x", "https://[::1"),
        *("https://key@flux.example.com", "https://a:b@flux.example.com", "https://flux.example.com/?a=b", f"{URL}#a"),
        *("https://flux.example.com:99999", "https://flux .example.com", "https://flux..example.com"),
        *(f"https://{'a' * 64}.example.com", "https://.example.com", "https://\u2026.example.com"),
    ],
)
def test_a_url_that_cannot_be_right_is_said(make: Any, url: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"api_url"):
        make(KEY, api_url=url)


@COLOURS
@pytest.mark.parametrize(
    "wrong",
    [
        *({"timeout": 0}, {"timeout": -1}, {"timeout": "7"}, {"timeout": float("nan")}, {"timeout": float("inf")}),
        *({"timeout": 10**5000}, {"account": 10**5000}),
        *({"max_retries": -1}, {"max_retries": 1.5}, {"max_retries": True}, {"timeout": True}),
        *({"account": ""}, {"account": "cus_42"}, {"account": "ext:a\n"}, {"account": 7}, {"account": "ext:a "}),
    ],
)
def test_an_option_out_of_its_bounds_is_said(make: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        make(KEY, api_url=URL, **wrong)


@COLOURS
def test_no_repr_tells_the_key(make: Any) -> None:
    flux = make(KEY, api_url=URL, account="acct_1")
    assert repr(flux) == f"{make.__name__}(api_url='{URL}', account='acct_1')"
    settings = flux._connection.settings
    shown = repr(settings) + repr(vars(flux)) + repr(vars(flux.webhooks))
    assert KEY not in shown


def test_key_and_url_come_from_the_environment_unless_they_are_given(
    ask: Callable[..., Any], wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUX_API_KEY", "sk_live_of_the_environment")
    monkeypatch.setenv("FLUX_API_URL", wire.url)
    wire.replies = [wire.answer(LIST)]
    with Flux() as flux:
        assert list(flux.alerts.list()) == []
    ask("alerts.list")
    assert [each.headers["authorization"] for each in wire.asked] == [
        "Bearer sk_live_of_the_environment",
        f"Bearer {KEY}",
    ]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/behind/a/proxy"])
def test_the_path_of_the_url_stands_before_that_of_the_operation(ask: Callable[..., Any], wire: Any, path: str) -> None:
    wire.replies = [wire.answer(LIST)]
    ask("alerts.list", limit=7, client={"api_url": wire.url + path})
    assert wire.asked[0].target == f"{path if 'proxy' in path else ''}/v1/alerts?limit=7"


def test_what_is_sent_is_json_of_this_client(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [wire.refusal(404, "not_found_error")]
    with pytest.raises(NotFoundError):
        ask("events.publish", "a.b", {"é": ["\U0001f600", None, 1.5]})
    (asked,) = wire.asked
    assert (asked.method, asked.target) == ("POST", "/v1/events")
    assert asked.body == b'{"type":"a.b","data":{"\\u00e9":["\\ud83d\\ude00",null,1.5]}}'
    assert asked.headers["content-type"] == asked.headers["accept"] == "application/json"
    assert asked.headers["user-agent"] == f"flux-webhooks-python/{flux_webhooks.__version__}"
    assert "flux-account" not in asked.headers


def test_an_account_is_named_by_the_client_or_by_the_call(ask: Callable[..., Any], wire: Any) -> None:
    wire.replies = [wire.answer(LIST)]
    ask("alerts.list", client={"account": "ext:cus_1"})
    ask("alerts.list", client={"account": "ext:cus_1"}, account="ext:cüs 2")
    ask("accounts.list", client={"account": "ext:cus_1"})
    assert [each.headers.get("flux-account") for each in wire.asked] == ["ext:cus_1", "ext:cüs 2", None]
    for none in ("cus_1", ""):
        with pytest.raises(NotFoundError, match=f"There is no account {none}"):
            ask("alerts.list", account=none)


def test_a_client_for_another_account_shares_the_connections(wire: Any) -> None:
    wire.replies = [wire.answer(LIST)]
    with Flux(KEY, api_url=wire.url) as flux:
        other = flux.with_account("ext:cus_42")
        other.alerts.list()
        flux.alerts.list()
        assert [each.headers.get("flux-account") for each in wire.asked] == ["ext:cus_42", None]
        assert other._connection._http is flux._connection._http
        for none in ("cus_42", "", None):
            with pytest.raises(ConfigurationError, match="account is acct_… or ext:…"):
                flux.with_account(none)  # type: ignore[arg-type]


def test_a_client_that_was_given_is_used_and_left_open(wire: Any) -> None:
    wire.replies = [wire.answer(LIST)]
    with httpx.Client(headers={"X-Proxy": "a"}, follow_redirects=True) as http:
        with Flux(KEY, api_url=wire.url, http_client=http) as flux:
            flux.alerts.list()
        assert not http.is_closed
    own = Flux(KEY, api_url=wire.url)
    own.close()
    assert own._connection._http.is_closed
    assert wire.asked[0].headers["x-proxy"] == "a"


def test_a_client_of_the_other_colour_is_said() -> None:
    for make, other in [(Flux, httpx.AsyncClient), (AsyncFlux, httpx.Client)]:
        http = other.__new__(other)  # to make one takes longer than all else here
        with pytest.raises(ConfigurationError, match=rf"http_client is an httpx\.\w+, not a {other.__name__}"):
            make(KEY, api_url=URL, http_client=http)


def test_a_list_is_iterated_through_all_its_pages_and_no_further_than_asked(wire: Any) -> None:
    def page(*names: str, following: str | None = None) -> bytes:
        listed = [{**EVENT, "id": name} for name in names]
        return bytes(wire.answer({"data": listed, "has_more": following is not None, "next_cursor": following}))

    wire.replies = [page("a", "b", following="c2"), page("c", following="c3"), page(), page()]
    with Flux(KEY, api_url=wire.url) as flux:
        first = flux.events.list(type="a.b", limit=2)
        assert (len(first.data), first.has_more, first.next_cursor, len(wire.asked)) == (2, True, "c2", 1)
        events = iter(first)
        assert [next(events).id, next(events).id] == ["a", "b"]
        assert len(wire.asked) == 1
        assert [each.id for each in events] == ["c"]
        assert [each.target.partition("?")[2] for each in wire.asked] == [
            "type=a.b&limit=2",
            "type=a.b&limit=2&cursor=c2",
            "type=a.b&limit=2&cursor=c3",
        ]
        last = flux.events.list(cursor="c3")
        assert (last.has_more, last.next_page(), len(wire.asked)) == (False, None, 4)


def test_pages_are_fetched_one_by_one_without_blocking_too(wire: Any) -> None:
    wire.replies = [
        wire.answer({"data": [EVENT], "has_more": True, "next_cursor": "c2"}),
        wire.answer({"data": [EVENT], "has_more": False, "next_cursor": None}),
    ]

    async def listed() -> list[int]:
        async with AsyncFlux(KEY, api_url=wire.url) as flux:
            first = await flux.events.list()
            second = await first.next_page()
            assert second is not None
            return [len(first.data), len(second.data), len([each async for each in second])]

    assert asyncio.run(listed()) == [1, 1, 1]


@COLOURS
def test_verify_is_at_hand_where_webhooks_are(make: Any) -> None:
    assert make(KEY, api_url=URL).webhooks.verify is verify


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), 1j])
def test_what_json_does_not_have_is_said_with_its_place(ask: Callable[..., Any], wire: Any, value: Any) -> None:
    for data, place in [({"a": {"b": [1, value]}}, r"data\.a\.b\[1\]"), ({"a": value}, r"data\.a")]:
        with pytest.raises(FluxError, match=rf"{place} is a {type(value).__name__}, which JSON does not have"):
            ask("events.publish", "a.b", data)
    circle: dict[str, Any] = {}
    circle["again"] = [circle]
    with pytest.raises(FluxError, match="100 levels"):
        ask("events.publish", "a.b", circle)
    with pytest.raises(FluxError, match=r"data has a key that is a tuple"):
        ask("events.publish", "a.b", {(1, 2): 3})
    assert wire.asked == []


def test_every_error_survives_pickling_and_copying() -> None:
    limited = RateLimitError("Wait.", code="rate_limited", status=429, request_id="req_1")
    limited.retry_after = 7
    for error in (limited, SignatureError("no_match", "No."), ConfigurationError("No."), FluxError("No.")):
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
            assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_package_offers_what_its_stub_says() -> None:
    stub = re.findall(r"(?m)^from \S+ import (\w+) as \1$", _stub())
    assert sorted(stub, key=str.lower) == sorted(flux_webhooks.__all__, key=str.lower)
    assert all(getattr(flux_webhooks, name) is not None for name in flux_webhooks.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Fluxx'"):
        flux_webhooks.Fluxx  # type: ignore[attr-defined]  # noqa: B018 - that it is asked for is the point


def _stub() -> str:
    from pathlib import Path

    return Path(flux_webhooks.__file__).with_suffix(".pyi").read_text(encoding="utf-8")


LONG = 10**5000
"""Python does not write a number of so many digits."""


TOO_LONG: dict[str, Any] = {
    "data has a key that is a larger number": ("events.publish", ["a.b", {LONG: 1}]),
    "data.n[1] is a larger number": ("events.publish", ["a.b", {"n": [1, -LONG]}]),
    "events[0].data.n": ("events.publish_batch", [[{"type": "a.b", "data": {"n": LONG}}]]),
    "is not a field": ("events.publish_batch", [[{"type": "a.b", "data": {}, LONG: 1}]]),
    "example.n is a larger number": ("event_types.create", ["a.b"], {"example": {"n": LONG}}),
    "is not an id": ("events.get", [LONG]),
    "There is no account": ("accounts.get", [LONG]),
    "There is no event type": ("event_types.get", [LONG]),
    "a list with a number of over 4300 digits": ("webhooks.get", [[LONG]]),
}


@pytest.mark.parametrize("said", TOO_LONG)
def test_a_number_too_long_to_be_written_is_an_error_like_others(ask: Callable[..., Any], wire: Any, said: str) -> None:
    name, arguments, *more = TOO_LONG[said]
    with pytest.raises(FluxError) as refused:
        ask(name, *arguments, **(more[0] if more else {}))
    assert said in str(refused.value)
    assert wire.asked == []
