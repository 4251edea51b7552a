"""Whatever an operation changes or reveals leaves one entry in the audit log; a route that is new is asked for it."""

import re
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text

from flux_dispatch.api.auth import ActsFor
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.audit_action import ACTIONS, Action
from flux_dispatch.store.connect import connect
from tests.api.test_tenancy import ADMIN, EVERY_ROUTE, NOBODY, ROWS, Matrix, matrix
from tests.support.api import Caller

__all__ = ["matrix"]

NOT_AUDITED: Final = {
    "POST /v1/events": "what was published, when and under which key stands with the events themselves",
    "POST /v1/events/batch": "as above",
}
"""Operations that change something and leave no entry, each with the reason."""

REVEALING: Final = {"GET /v1/webhooks/{id}/secret", "GET /v1/audit-log/export"}
"""Operations that change nothing, and are told all the same."""

DONE_BY_OTHERS: Final = {
    Action.ACCOUNT_ERASED,
    Action.SIGNED_IN,
    Action.SIGNED_OUT,
    Action.ALL_SIGNED_OUT,
    Action.SIGN_IN_REFUSED,
    Action.WEBHOOK_ENABLED,
    Action.WEBHOOK_DISABLED,
    Action.ENCRYPTION_KEY_ROTATED,
}
"""What comes of a body that says so, of pages, commands and the engine."""

ONCE: Final = [
    *(each for each in EVERY_ROUTE if each.startswith(("PATCH ", "DELETE "))),
    "POST /v1/recoveries/{id}/cancel",
    "POST /v1/alerts/{id}/acknowledge",
]
"""Operations that do nothing more when they are done again."""

_ENTRIES = text("SELECT * FROM audit_entries WHERE request_id = :id")


async def test_an_operation_that_changes_something_leaves_one_entry(matrix: Matrix) -> None:
    own, platform = await matrix.key("owner", ADMIN), await matrix.key(None, ADMIN)
    told = set()
    for name in EVERY_ROUTE:
        is_of_platform = ROWS[name].acts_for is ActsFor.PLATFORM
        thing = await matrix.thing(name)
        answer = await matrix.call(platform if is_of_platform else own, name, thing)
        assert answer.is_success, answer.text
        entries = await left_by(matrix, answer)
        if (name.startswith("GET ") and name not in REVEALING) or name in NOT_AUDITED:
            assert entries == [], name
            continue
        assert len(entries) == 1, f"{name} leaves {len(entries)} entries in the audit log: see store/audit_log.py"
        told.add(_checked(entries[0], is_of_platform=is_of_platform))
        if thing and "recover" not in name:
            assert entries[0].target_id == thing, name
    assert told == {each.value for each in set(Action) - DONE_BY_OTHERS}


async def left_by(matrix: Matrix, answer: httpx.Response) -> list[Any]:
    """Return the entries that the request of this answer left."""
    async with connect(matrix.keys._database) as connection:
        return list((await connection.execute(_ENTRIES, {"id": answer.headers["X-Request-Id"]})).all())


def _checked(entry: Any, *, is_of_platform: bool) -> str:
    assert entry.actor_kind == ("platform_key" if is_of_platform else "api_key")
    assert re.fullmatch(r"sk_live_….{4}", entry.actor_name)
    assert (entry.api_key_id is not None, entry.session_id) == (True, None)
    assert (entry.address, entry.user_agent.partition("/")[0]) == ("127.0.0.1", "python-httpx")
    assert (entry.account_id is None) == is_of_platform
    return str(entry.action)


@pytest.mark.parametrize("name", [each for each in EVERY_ROUTE if not each.startswith("GET ")])
async def test_what_is_refused_leaves_none(matrix: Matrix, name: str) -> None:
    is_of_platform = ROWS[name].acts_for is ActsFor.PLATFORM
    owner = await matrix.key(None if is_of_platform else "owner", ADMIN)
    thing = await matrix.thing(name)
    refused = [await matrix.call(await matrix.key("owner", Scope.READ), name, thing)]
    if thing:
        refused.append(await matrix.call(await matrix.key("other", ADMIN), name, thing))
        refused.append(await matrix.call(owner, name, f"{thing.partition('_')[0]}_{NOBODY}"))
    if ROWS[name].body is not None:
        method, path = name.split(" ")
        refused.append(await owner.request(method, re.sub(r"\{\w+\}", thing, path), json={"nothing": 1}))
    assert all(each.is_client_error for each in refused)
    assert [await left_by(matrix, each) for each in refused] == [[]] * len(refused)


@pytest.mark.parametrize("name", ONCE)
async def test_what_changes_nothing_leaves_none(matrix: Matrix, name: str) -> None:
    owner = await matrix.key(None if ROWS[name].acts_for is ActsFor.PLATFORM else "owner", ADMIN)
    thing = await matrix.thing(name)
    assert len(await left_by(matrix, await matrix.call(owner, name, thing))) == 1
    assert await left_by(matrix, await matrix.call(owner, name, thing)) == []


async def test_no_secret_was_seen_by_who_asked_for_the_head_alone(tenant: Caller) -> None:
    for webhook, status in (((await tenant.webhook("*"))["id"], 200), (f"wh_{NOBODY}", 404)):
        assert (await tenant.http.head(f"/v1/webhooks/{webhook}/secret")).status_code == status
    answer = await tenant.http.get("/v1/audit-log", params={"action": "secret.*"})
    assert answer.json()["data"] == []


def test_every_action_is_in_words() -> None:
    assert set(ACTIONS) == set(Action)
    assert all(each.meaning.endswith(".") for each in ACTIONS.values())
