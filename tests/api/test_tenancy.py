"""Who may call what: every route, for every kind of key and every scope; a route without its row fails."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.api.auth import ActsFor
from flux_dispatch.api.openapi.operation import template_of
from flux_dispatch.api.routes import ROUTES
from flux_dispatch.domain.alert_channel import OF_WEBHOOKS, CheckedUrl, NewAlertChannel
from flux_dispatch.domain.api_key import NewApiKey, Scope
from flux_dispatch.domain.ids import Prefix, format_id, parse_id
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alert_channels import AlertChannelStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import transaction
from tests.support.alerting import CHANNEL_SEALS
from tests.support.api import EVENT, URL, Caller, check_error, client

CHANNEL: Final = "jsons://127.0.0.1:9/hook"
SINCE: Final = {"since": "2024-01-15T10:30:00Z"}
READ, EVENTS, WEBHOOKS, ADMIN = Scope.READ, Scope.EVENTS_WRITE, Scope.WEBHOOKS_WRITE, Scope.ADMIN
TYPES, AUDIT = Scope.EVENT_TYPES_WRITE, Scope.AUDIT_LOG_READ


@dataclass(frozen=True)
class Row:
    """What a route needs, said a second time: its scope, what `{id}` names, a body that is taken, for whom it acts.

    In the body `{new}` stands for what is another text each time.
    `lists` is what must exist for a list to show something of an account.
    """

    scope: Scope
    names: str | None = None
    body: dict[str, Any] | None = None
    acts_for: ActsFor = ActsFor.ACCOUNT
    lists: str | None = None


ROWS: Final = {
    "POST /v1/webhooks": Row(WEBHOOKS, body={"url": URL, "events": ["*"]}),
    "GET /v1/webhooks": Row(READ, lists="webhook"),
    "GET /v1/webhooks/{id}": Row(READ, "webhook"),
    "PATCH /v1/webhooks/{id}": Row(WEBHOOKS, "webhook", {"description": "new"}),
    "DELETE /v1/webhooks/{id}": Row(WEBHOOKS, "webhook"),
    "GET /v1/webhooks/{id}/secret": Row(WEBHOOKS, "webhook"),
    "POST /v1/webhooks/{id}/secret/rotate": Row(WEBHOOKS, "webhook", {}),
    "POST /v1/webhooks/{id}/test": Row(WEBHOOKS, "webhook", {"wait": False}),
    "POST /v1/events": Row(EVENTS, body=EVENT),
    "POST /v1/events/batch": Row(EVENTS, body={"events": [EVENT]}),
    "GET /v1/events": Row(READ, lists="event"),
    "GET /v1/events/{id}": Row(READ, "event"),
    "GET /v1/events/{id}/deliveries": Row(READ, "event"),
    "POST /v1/events/{id}/resend": Row(EVENTS, "wanted_event"),
    "GET /v1/deliveries": Row(READ, lists="delivery"),
    "GET /v1/deliveries/{id}": Row(READ, "delivery"),
    "POST /v1/deliveries/{id}/retry": Row(EVENTS, "delivery"),
    "GET /v1/webhooks/{id}/deliveries": Row(READ, "webhook"),
    "GET /v1/webhooks/{id}/stats": Row(READ, "webhook"),
    "POST /v1/webhooks/{id}/recover": Row(WEBHOOKS, "webhook", SINCE),
    "GET /v1/recoveries": Row(READ, lists="recovery"),
    "GET /v1/recoveries/{id}": Row(READ, "recovery"),
    "POST /v1/recoveries/{id}/cancel": Row(WEBHOOKS, "recovery"),
    "POST /v1/listen": Row(WEBHOOKS, body={"events": ["*"]}),
    "GET /v1/listen": Row(READ, lists="listen_session"),
    "GET /v1/listen/{id}": Row(READ, "listen_session"),
    "DELETE /v1/listen/{id}": Row(WEBHOOKS, "listen_session"),
    "POST /v1/event-types": Row(TYPES, body={"name": "made.{new}"}),
    "GET /v1/event-types": Row(READ, lists="event_type"),
    "GET /v1/event-types/{name}": Row(READ, "event_type"),
    "PATCH /v1/event-types/{name}": Row(TYPES, "event_type", {"description": "New."}),
    "DELETE /v1/event-types/{name}": Row(TYPES, "event_type"),
    "GET /v1/alerts": Row(READ),
    "POST /v1/alerts/{id}/acknowledge": Row(WEBHOOKS, "alert"),
    "POST /v1/alert-channels": Row(WEBHOOKS, body={"url": CHANNEL}),
    "GET /v1/alert-channels": Row(READ, lists="alert_channel"),
    "GET /v1/alert-channels/{id}": Row(READ, "alert_channel"),
    "PATCH /v1/alert-channels/{id}": Row(WEBHOOKS, "alert_channel", {"name": "new"}),
    "DELETE /v1/alert-channels/{id}": Row(WEBHOOKS, "alert_channel"),
    "POST /v1/alert-channels/{id}/test": Row(WEBHOOKS, "alert_channel"),
    "POST /v1/accounts": Row(ADMIN, body={"name": "Acme"}, acts_for=ActsFor.PLATFORM),
    "GET /v1/accounts": Row(READ, acts_for=ActsFor.PLATFORM),
    "GET /v1/accounts/{id}": Row(READ, "account", acts_for=ActsFor.PLATFORM),
    "PATCH /v1/accounts/{id}": Row(ADMIN, "account", {"name": "New"}, ActsFor.PLATFORM),
    "DELETE /v1/accounts/{id}": Row(ADMIN, "account", acts_for=ActsFor.PLATFORM),
    "POST /v1/api-keys": Row(ADMIN, body={"scopes": ["read"]}, acts_for=ActsFor.EITHER),
    "GET /v1/api-keys": Row(ADMIN, acts_for=ActsFor.EITHER, lists="api_key"),
    "DELETE /v1/api-keys/{id}": Row(ADMIN, "api_key", acts_for=ActsFor.EITHER),
    "POST /v1/portal-links": Row(ADMIN, body={}, acts_for=ActsFor.EITHER),
    "GET /v1/audit-log": Row(AUDIT, acts_for=ActsFor.EITHER, lists="api_key"),
    "GET /v1/audit-log/export": Row(AUDIT, acts_for=ActsFor.EITHER),
}
"""One line a route. What `names` and `lists` say is made by MAKERS."""


async def _webhook(caller: Caller, _: ApiKeyStore) -> str:
    return str((await caller.webhook("*"))["id"])


async def _event(caller: Caller, _: ApiKeyStore) -> str:
    return str((await caller.event())["id"])


async def _wanted_event(caller: Caller, api_keys: ApiKeyStore) -> str:
    await caller.webhook("*")
    return await _event(caller, api_keys)


async def _delivery(caller: Caller, _: ApiKeyStore) -> str:
    await caller.webhook("*")
    await caller.event()
    return str((await caller.http.get("/v1/deliveries")).json()["data"][0]["id"])


async def _recovery(caller: Caller, _: ApiKeyStore) -> str:
    webhook = (await caller.webhook("*"))["id"]
    return str((await caller.http.post(f"/v1/webhooks/{webhook}/recover", json=SINCE)).json()["id"])


async def _listen_session(caller: Caller, _: ApiKeyStore) -> str:
    return str((await caller.http.post("/v1/listen", json={})).json()["id"])


async def _api_key(caller: Caller, api_keys: ApiKeyStore) -> str:
    return (await api_keys.create(caller.account, [READ]))[0].id


async def _alert(caller: Caller, api_keys: ApiKeyStore) -> str:
    delivery = await _delivery(caller, api_keys)
    async with transaction(api_keys._database) as connection:
        alert = await connection.execute(_GIVEN_UP, {"id": parse_id(Prefix.DELIVERY, delivery)})
        return format_id(Prefix.ALERT, alert.scalar_one().hex)


async def _alert_channel(caller: Caller, api_keys: ApiKeyStore) -> str:
    made = await AlertChannelStore(api_keys._database, CHANNEL_SEALS).create(
        caller.account, NewAlertChannel(CheckedUrl(CHANNEL, "webhook", CHANNEL), "", OF_WEBHOOKS), most=99
    )
    assert made
    return made.id


async def _event_type(caller: Caller, _: ApiKeyStore) -> str:
    answer = await caller.http.post("/v1/event-types", json={"name": f"made.{uuid4().hex}"})
    return str(answer.json()["name"])


async def _account(_: Caller, api_keys: ApiKeyStore) -> str:
    return await AccountStore(api_keys._database).create("made")


MAKERS: Final[dict[str, Callable[[Caller, ApiKeyStore], Awaitable[str]]]] = {
    "webhook": _webhook,
    "event": _event,
    "wanted_event": _wanted_event,
    "delivery": _delivery,
    "recovery": _recovery,
    "listen_session": _listen_session,
    "api_key": _api_key,
    "alert": _alert,
    "alert_channel": _alert_channel,
    "event_type": _event_type,
    "account": _account,
}
"""How one of each noun is made for an account; the answer is its id, as it stands in a path."""

_GIVEN_UP: Final = text("""
    INSERT INTO alerts (account_id, webhook_id, event_id, delivery_id, reason)
    SELECT account_id, webhook_id, event_id, id, 'attempts_exhausted' FROM deliveries WHERE id = CAST(:id AS uuid)
    RETURNING id
""")

NOBODY: Final = "0" * 32

ROUTE: Final = {f"{route.method} {template_of(route)}": route for table in ROUTES for route in table}
EVERY_ROUTE: Final = sorted(ROUTE)
OF_ACCOUNTS: Final = [name for name, row in ROWS.items() if row.acts_for is not ActsFor.PLATFORM]
OF_THINGS: Final = [name for name in OF_ACCOUNTS if ROWS[name].names]


@dataclass
class Matrix:
    """Two accounts, keys of every kind, and one call after the other with them."""

    api: str
    keys: ApiKeyStore
    owner: Caller
    other: Caller
    stack: AsyncExitStack

    async def key(self, account: str | None, scope: Scope) -> httpx.AsyncClient:
        """Return a client with a new key of this account (None: a platform key) that has this scope alone."""
        owner = None if account is None else self.owner.account if account == "owner" else self.other.account
        made = await self.keys.add(owner, NewApiKey((scope,)))
        assert made
        return await self.stack.enter_async_context(client(self.api, made[1]))

    async def thing(self, name: str) -> str:
        """Return what the route's `{id}` names: one of the owner's, new each time; empty where it names none."""
        noun = ROWS[name].names
        return await MAKERS[noun](self.owner, self.keys) if noun else ""

    async def call(
        self, http: httpx.AsyncClient, name: str, thing: str = "", account: str | None = None
    ) -> httpx.Response:
        """Call the route, with what its row takes for a body."""
        method, path = name.split(" ")
        headers = {"Flux-Account": account} if account else {}
        body = json.loads(json.dumps(ROWS[name].body).replace("{new}", uuid4().hex))
        return await http.request(method, re.sub(r"\{\w+\}", thing, path), json=body, headers=headers)


@pytest.fixture
async def matrix(api: str, database: AsyncEngine, tenant: Caller, other_tenant: Caller) -> AsyncIterator[Matrix]:
    async with AsyncExitStack() as stack:
        yield Matrix(api, ApiKeyStore(database), tenant, other_tenant, stack)


def unlike(answer: httpx.Response, *names: str) -> tuple[int, str]:
    """Return what an answer says apart from the ids that it names."""
    text = answer.text.replace(answer.headers["X-Request-Id"], "")
    for name in names:
        text = text.replace(name, "…")
    return answer.status_code, text


def test_every_route_has_its_row_and_every_row_its_route() -> None:
    assert set(ROWS) == set(ROUTE)
    nouns = {noun for row in ROWS.values() for noun in (row.names, row.lists) if noun}
    assert nouns <= set(MAKERS)
    assert [name for name, row in ROWS.items() if ("{" in name) != (row.names is not None)] == []


@pytest.mark.parametrize("name", EVERY_ROUTE)
def test_a_route_needs_what_its_row_says(name: str) -> None:
    handler: Any = ROUTE[name].handler
    assert (handler.required_scope, handler.acts_for) == (ROWS[name].scope, ROWS[name].acts_for)


@pytest.mark.parametrize("name", EVERY_ROUTE)
async def test_without_a_key_there_is_one_answer(matrix: Matrix, name: str) -> None:
    thing = await matrix.thing(name)
    async with httpx.AsyncClient(base_url=matrix.api) as stranger:
        first = await matrix.call(stranger, name, thing)
        check_error(first, 401, "invalid_api_key")
        named = await matrix.call(stranger, name, thing, matrix.owner.account)
    async with client(matrix.api, matrix.owner.key[:-1] + "!") as mistyped:
        third = await matrix.call(mistyped, name, thing)
    assert unlike(first) == unlike(named) == unlike(third)


@pytest.mark.parametrize("name", EVERY_ROUTE)
async def test_a_key_does_what_its_scope_covers(matrix: Matrix, name: str) -> None:
    row = ROWS[name]
    for scope in Scope:
        for whose in ("owner", None):
            http = await matrix.key(whose, scope)
            answer = await matrix.call(http, name, await matrix.thing(name), None if whose else matrix.owner.account)
            if whose and row.acts_for is ActsFor.PLATFORM:
                check_error(answer, 403, "platform_key_needed")
            elif scope in {row.scope, ADMIN}:
                assert answer.is_success, f"{scope}: {answer.text}"
            else:
                assert row.scope in check_error(answer, 403, "missing_scope")["message"], scope


@pytest.mark.parametrize("name", OF_THINGS)
async def test_what_is_anothers_answers_like_what_is_not_there(matrix: Matrix, name: str) -> None:
    thing = await matrix.thing(name)
    nobody = f"{thing.partition('_')[0]}_{NOBODY}"
    foreign, platform = await matrix.key("other", ADMIN), await matrix.key(None, ADMIN)
    for http, account in ((foreign, None), (platform, matrix.other.account)):
        answers = [await matrix.call(http, name, each, account) for each in (thing, nobody)]
        check_error(answers[0], 404, "not_found")
        assert unlike(answers[0], thing) == unlike(answers[1], nobody)
    assert (await matrix.call(matrix.owner.http, name, thing)).is_success, "it was changed by one who may not see it"


@pytest.mark.parametrize("name", [each for each in OF_ACCOUNTS if ROWS[each].lists])
async def test_a_list_shows_what_is_the_account_s_own(matrix: Matrix, name: str) -> None:
    noun = ROWS[name].lists
    assert noun
    theirs = await MAKERS[noun](matrix.owner, matrix.keys)
    foreign, platform = await matrix.key("other", ADMIN), await matrix.key(None, ADMIN)
    assert theirs in (await matrix.call(matrix.owner.http, name)).text
    assert theirs in (await matrix.call(platform, name, account=matrix.owner.account)).text
    for http, account in ((foreign, None), (platform, matrix.other.account)):
        answer = await matrix.call(http, name, account=account)
        assert answer.is_success
        assert theirs not in answer.text
        assert answer.json()["has_more"] is False


@pytest.mark.parametrize("name", OF_ACCOUNTS)
async def test_another_account_is_not_there(matrix: Matrix, name: str) -> None:
    thing = await matrix.thing(name)
    foreign, nobody = await matrix.key("other", ADMIN), f"acct_{NOBODY}"
    await AccountStore(matrix.keys._database).change(matrix.owner.account, {"external_id": "cus_42"})
    named = (matrix.owner.account, "ext:cus_42", nobody, "ext:nobody")
    answers = [unlike(await matrix.call(foreign, name, thing, each), each) for each in named]
    assert answers == answers[:1] * len(named)
    assert answers[0][0] == 404
    for own in (matrix.owner.account, "ext:cus_42"):
        answer = await matrix.call(matrix.owner.http, name, await matrix.thing(name), own)
        assert answer.is_success, answer.text


@pytest.mark.parametrize("name", OF_ACCOUNTS)
async def test_a_platform_key_names_an_account_where_one_is_needed(matrix: Matrix, name: str) -> None:
    platform = await matrix.key(None, ADMIN)
    thing = await matrix.thing(name)
    answer = await matrix.call(platform, name, thing)
    if ROWS[name].acts_for is ActsFor.ACCOUNT:
        check_error(answer, 422, "account_missing", "Flux-Account")
    elif thing:
        check_error(answer, 404, "not_found")
    check_error(await matrix.call(platform, name, thing, f"acct_{NOBODY}"), 404, "not_found")
