"""What the API would refuse, the outbox refuses in the same words, and the caller's transaction goes on."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import psycopg
import pytest
from flux_webhooks import outbox
from flux_webhooks.outbox import PublicationRefused
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import Caller, client
from tests.support.store_harness import StoreHarness

Said = tuple[str, str | None, str]
OURS = "OURS"
DEEP = '{"a":' * 100 + "1" + "}" * 100
LONG = '{"a": [-' + "7" * 5000 + "]}"
TYPE = "order.completed"
SCHEMAS = {
    "described": {"properties": {"total": {"type": "number"}, "to": {"pattern": "^a"}}, "required": ["total"]},
    "closed": {"properties": {"items": {"items": False}}},
    "either": {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
}

TEXTS = [
    pytest.param("acct_" + "0" * 32, TYPE, "{}", None, id="unknown account"),
    pytest.param("acct_7", TYPE, "{}", None, id="malformed account"),
    pytest.param("ext:nobody", TYPE, "{}", None, id="unknown external id"),
    pytest.param("DELETED", TYPE, "{}", None, id="deleted account"),
    pytest.param(OURS, "order completed", "{}", None, id="type with a space"),
    pytest.param(OURS, "order..completed", "{}", None, id="type with two dots"),
    pytest.param(OURS, "a" * 129, "{}", None, id="type too long"),
    pytest.param(OURS, "", "{}", None, id="empty type"),
    pytest.param(OURS, "flux.delivery.failed", "{}", None, id="type of the engine's own"),
    pytest.param(OURS, TYPE, "[1]", None, id="a list"),
    pytest.param(OURS, TYPE, "null", None, id="null"),
    pytest.param(OURS, TYPE, '"text"', None, id="text"),
    pytest.param(OURS, TYPE, "{", None, id="no JSON"),
    pytest.param(OURS, TYPE, '{"a": NaN}', None, id="NaN"),
    pytest.param(OURS, TYPE, '{"a": "\\u0000"}', None, id="NUL"),
    pytest.param(OURS, TYPE, '{"a": "\\ud800"}', None, id="half a surrogate pair"),
    pytest.param(OURS, TYPE, '{"a": -1e400}', None, id="a number beyond all"),
    pytest.param(OURS, TYPE, LONG, None, id="a number too long"),
    pytest.param(OURS, TYPE, DEEP, None, id="too deep"),
    pytest.param(OURS, TYPE, '{"a":' * 5000 + "1" + "}" * 5000, None, id="far too deep"),
    pytest.param(OURS, TYPE, '{"a": "%s"}' % ("x" * 262_144), None, id="too large"),
    pytest.param(OURS, TYPE, "{}", "", id="empty key"),
    pytest.param(OURS, TYPE, "{}", "k" * 256, id="key too long"),
    pytest.param(OURS, TYPE, '{"n": 2}', "used", id="key of another event"),
    pytest.param(OURS, "order.opened", '{"n": 1}', "used", id="key of another type"),
]
BY_SCHEMA = [
    pytest.param(OURS, "described", data, None, id=f"schema: {data}")
    for data in ("{}", '{"total": "7"}', '{"total": 1, "to": "b"}')
] + [pytest.param(OURS, "closed", '{"items": [1]}', None, id="schema: false")]
# of the others Python has no object, or another word for it
OBJECTS = [each for each in TEXTS if each.id not in {"no JSON", "null", "a number beyond all"}]


@pytest.fixture
async def platform(api: str, world: StoreHarness, tenant: Caller) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may publish for any account."""
    _, key = await ApiKeyStore(world.database).create(None, [Scope.ADMIN])
    for name, schema in SCHEMAS.items():
        answer = await tenant.http.post("/v1/event-types", json={"name": name, "schema": schema})
        assert answer.is_success, answer.text
    used = await tenant.http.post(
        "/v1/events", json={"type": TYPE, "data": {"n": 1}}, headers={"Idempotency-Key": "used"}
    )
    assert used.is_success
    async with client(api, key) as http:
        yield http


async def of_api(platform: httpx.AsyncClient, account: str, event_type: str, data: str, key: str | None) -> Said:
    headers = {"Content-Type": "application/json", "Flux-Account": account}
    if key is not None:
        headers["Idempotency-Key"] = key
    body = f'{{"type":{json.dumps(event_type)},"data":{data}}}'
    answer = await platform.post("/v1/events", content=body, headers=headers)
    assert not answer.is_success, answer.text
    error = answer.json()["error"]
    return _alike((error["code"], error["param"], error["message"]))


def _alike(said: Said) -> Said:
    """Leave out what must differ: a header or a body that is none here, and the words of two parsers."""
    code, param, message = said
    for ours, theirs in (("data", "The request body"), ("data", "The body")):
        message = message.replace(theirs, ours)
    param = "idempotency_key" if param == "Idempotency-Key" else param
    if code in {"invalid_json", "body_too_large"}:
        param = param or "data"
        message = message.partition(":")[0].rstrip(".")
        message = "larger number" if "larger number" in message else message
    return code, param, message


def _integer(text: str) -> int:
    return int(Decimal(text))  # which Python does not refuse, however long it is


async def named(account: str, tenant: Caller, platform: httpx.AsyncClient) -> str:
    if account == "DELETED":
        made = (await platform.post("/v1/accounts", json={"name": "gone"})).json()["id"]
        assert (await platform.delete(f"/v1/accounts/{made}")).is_success
        return str(made)
    return tenant.account if account == OURS else account


@pytest.mark.parametrize(("account", "event_type", "data", "key"), TEXTS)
async def test_the_function_says_what_the_api_says_and_breaks_nothing(  # noqa: PLR0913, PLR0917 - a case is four values
    tenant: Caller,
    platform: httpx.AsyncClient,
    database_url: str,
    account: str,
    event_type: str,
    data: str,
    key: str | None,
) -> None:
    account = await named(account, tenant, platform)
    given = (account, event_type, data, key)
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            refused = await connection.fetchrow("SELECT * FROM flux_publish($1, $2, $3, $4)", *given)
            good = await connection.fetchrow("SELECT * FROM flux_publish($1, $2, '{}')", tenant.account, TYPE)
        assert refused["event"] is None
        said = (refused["error_code"], refused["error_param"], refused["error_message"])
        assert _alike(said) == await of_api(platform, *given)
        kept = await connection.fetch("SELECT id FROM outbox")
        assert [f"evt_{row['id'].hex}" for row in kept] == [good["event"]]
    finally:
        await connection.close()


@pytest.mark.parametrize(("account", "event_type", "data", "key"), OBJECTS + BY_SCHEMA)
async def test_the_sdk_says_what_the_api_says_and_breaks_nothing(  # noqa: PLR0913, PLR0917 - as above
    request: pytest.FixtureRequest,
    tenant: Caller,
    platform: httpx.AsyncClient,
    database: AsyncEngine,
    account: str,
    event_type: str,
    data: str,
    key: str | None,
) -> None:
    account = await named(account, tenant, platform)
    value = {"a": 1} if "far too deep" in request.node.name else json.loads(data, parse_int=_integer)
    for _ in range(4999 if "far too deep" in request.node.name else 0):
        value = {"a": value}
    async with AsyncSession(database.execution_options(isolation_level="READ COMMITTED")) as session, session.begin():
        with pytest.raises(PublicationRefused) as refused:
            await outbox.publish_async(session, account, event_type, value, key)
        good = await outbox.publish_async(session, tenant.account, TYPE, {})
    said = (refused.value.code, refused.value.param, refused.value.message)
    if "NaN" not in request.node.name:  # to Python it is a number
        assert _alike(said) == await of_api(platform, account, event_type, data, key)
    assert said[0]
    rows = await StoreHarness(database).rows("SELECT id FROM outbox")
    assert [f"evt_{row.id.hex}" for row in rows] == [good]


async def test_both_drivers_and_both_ways_of_sqlalchemy_publish(
    tenant: Caller, platform: httpx.AsyncClient, database_url: str, database: AsyncEngine
) -> None:
    made = []
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url))
    with Session(engine) as session, session.begin():
        made.append(outbox.publish(session, tenant.account, TYPE, {"way": "session"}, "one"))
        assert outbox.publish(session, tenant.account, TYPE, {"way": "session"}, "one") == made[0]
        assert session.execute(text("SELECT 1")).scalar() == 1
    with engine.begin() as connection:
        made.append(outbox.publish(connection, tenant.account, TYPE, {"way": "connection"}))
    with Session(engine) as session:
        outbox.publish(session, tenant.account, TYPE, {})
        session.rollback()
    engine.dispose()
    transactional = database.execution_options(isolation_level="READ COMMITTED")
    async with transactional.begin() as connection:
        made.append(await outbox.publish_async(connection, tenant.account, TYPE, {"way": "async"}))
    with psycopg.connect(database_url) as plain:
        row = plain.execute("SELECT * FROM flux_publish(%s, %s, %s)", (tenant.account, TYPE, '{"way": "psycopg"}'))
        made.append((row.fetchone() or [""])[0])
    rows = await StoreHarness(database).rows("SELECT id FROM outbox ORDER BY id")
    assert [f"evt_{row.id.hex}" for row in rows] == made
    answer = await platform.get("/v1/events", headers={"Flux-Account": tenant.account})
    assert len(answer.json()["data"]) == 1, "nothing is published but by a worker"


async def test_an_external_id_names_an_account(
    tenant: Caller, platform: httpx.AsyncClient, database: AsyncEngine
) -> None:
    changed = await platform.patch(f"/v1/accounts/{tenant.account}", json={"external_id": "cus_7"})
    assert changed.is_success, changed.text
    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        await outbox.publish_async(connection, "ext:cus_7", TYPE, {})
    (row,) = await StoreHarness(database).rows("SELECT account_id FROM outbox")
    assert f"acct_{row.account_id.hex}" == tenant.account


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ((None, TYPE, {}), "missing_field", "account"),
        ((7, TYPE, {}), "wrong_type", "account"),
        (("acct_\0", TYPE, {}), "not_found", None),
        (("ext:\ud800", TYPE, {}), "not_found", None),
        ((OURS, None, {}), "missing_field", "type"),
        ((OURS, 7, {}), "wrong_type", "type"),
        ((OURS, TYPE, None), "missing_field", "data"),
        ((OURS, TYPE, "{}"), "wrong_type", "data"),
        ((OURS, TYPE, {"a": b"x"}), "invalid_json", "data"),
        ((OURS, TYPE, {("a",): 1}), "invalid_json", "data"),
        ((OURS, TYPE, {}, 7), "wrong_type", "idempotency_key"),
        ((OURS, TYPE, {}, "k\n"), "invalid_idempotency_key", "idempotency_key"),
        ((OURS, TYPE, {}, "ä"), "invalid_idempotency_key", "idempotency_key"),
        ((OURS, TYPE + "\n", {}), "invalid_event_type", "type"),
    ],
)
async def test_what_python_can_give_beyond_text_is_refused_by_name(
    tenant: Caller, database: AsyncEngine, given: Any, code: str, param: str | None
) -> None:
    account = tenant.account if given[0] == OURS else given[0]
    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        with pytest.raises(PublicationRefused) as refused:
            await outbox.publish_async(connection, account, *given[1:])
        assert (refused.value.code, refused.value.param) == (code, param)
        await outbox.publish_async(connection, tenant.account, TYPE, {})


async def test_what_is_asked_of_the_wrong_session_says_which_is_right(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        with pytest.raises(TypeError, match="publish_async"):
            outbox.publish(connection, "acct_7", TYPE, {})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"outbox\.publish"):
            await outbox.publish_async(object(), "acct_7", TYPE, {})  # type: ignore[arg-type]
