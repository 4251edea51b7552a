"""Whatever schema is accepted and whatever data comes: a check ends in a stated time, and nothing else waits for it."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final

import pytest

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import Mismatch
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.schema import apart
from flux_dispatch.schema.compile import Compiled
from workers import schema_checker
from workers.schema_checker import MAX_HERE, MAX_SLOW_HERE, SchemaChecker

ACCOUNT: Final = AccountId("acct_" + "0" * 32)
OTHER: Final = AccountId("acct_" + "1" * 32)
MAX_STALL: Final = 0.1

MANY: Final = {"a": [1] * 128_000}
WORST: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "each rule looks at each item": ({"allOf": [{"items": {"minimum": 0}}] * 300}, MANY),
    "each item is looked at by each rule": ({"items": {"allOf": [{"minimum": 0}] * 300}}, MANY),
    "fractions": ({"items": {"allOf": [{"multipleOf": 0.01}] * 300}}, {"a": [1.5] * 60_000}),
    "a pattern that has many states": ({"pattern": "(a|b)*a(a|b){500}c"}, {"a": "aab" * 80_000}),
    "errors of alternatives": ({"anyOf": [{"items": {"type": "string"}}] * 100}, MANY),
    "numbers of very many digits": ({"items": {"allOf": [{"minimum": 0}] * 10}}, {"a": [10**4000] * 39}),
    "items that are compared": ({"allOf": [{"uniqueItems": True}] * 300}, {"a": list(range(40_000))}),
}

ORDINARY: Final = "from flux_dispatch.schema import process; process.main()"
PATIENT: Final = "from flux_dispatch.schema import process; process.MAX_SECONDS = 60; process.main()"


@pytest.fixture
async def checker() -> AsyncIterator[SchemaChecker]:
    made = SchemaChecker()
    yield made
    await made.close()


@pytest.mark.parametrize("case", WORST)
async def test_the_worst_that_is_accepted_ends_and_stalls_nothing(checker: SchemaChecker, case: str) -> None:
    rules, data = WORST[case]
    schema = Compiled(json.dumps({"properties": {"a": rules}}))
    outcome, stalled = await _stall(_ended(checker, schema, json.dumps(data)))
    assert isinstance(outcome, Mismatch | None) or outcome == "schema_too_costly"
    assert stalled < MAX_STALL


async def test_what_takes_too_long_is_refused_and_the_next_check_works(checker: SchemaChecker) -> None:
    rules, data = WORST["fractions"]
    slow = Compiled(json.dumps({"properties": {"a": rules}}))
    one, other = await asyncio.gather(
        _ended(checker, slow, json.dumps(data)), _ended(checker, slow, '{"a": [1.005]}', OTHER)
    )
    assert one == "schema_too_costly"
    assert other == Mismatch(("a", 0), "multipleOf", "the schema says 0.01")


async def test_what_takes_too_much_memory_is_refused_and_the_next_check_works(
    checker: SchemaChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has all the time it wants: nothing but its memory is bounded. Unbounded, it takes a gigabyte."""
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-P", "-c", PATIENT))
    large = Compiled(json.dumps({"properties": {"a": {"anyOf": [{"type": "string"}] * 200}}}))
    small, missing = Compiled('{"required": ["a"]}'), Mismatch((), "required", '"a" is missing')
    assert await checker.mismatch(ACCOUNT, small, "{}") == missing
    process = checker._apart._process
    assert process is not None
    assert await _ended(checker, large, json.dumps(MANY)) == "schema_too_costly"
    assert process.poll() is not None
    assert await checker.mismatch(ACCOUNT, small, "{}") == missing


async def test_it_is_checked_too_where_the_operator_allows_less_memory(
    checker: SchemaChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({400 << 20}, {400 << 20}))"
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-P", "-c", f"{less}\n{ORDINARY}"))
    schema = Compiled(json.dumps({"properties": {"a": {"type": "string"}}}))
    found = await checker.mismatch(ACCOUNT, schema, '{"a": 1}')
    assert found == Mismatch(("a",), "type", 'the schema says "string"')


async def test_where_alternatives_fail_takes_bounded_memory(checker: SchemaChecker) -> None:
    # few enough to be checked here; to say where, the library collects an error of each item for each alternative
    schema = Compiled(json.dumps({"properties": {"a": {"anyOf": [{"items": {"type": "string"}}] * 300}}}))
    text = json.dumps({"a": [1] * (MAX_HERE // schema.size.parts // 3 - 10)})
    found = await checker.mismatch(ACCOUNT, schema, text)
    assert found in (Mismatch(("a",), "anyOf", _anyof_says()), schema_checker.SOMEWHERE)


async def test_small_data_starts_no_process(checker: SchemaChecker) -> None:
    schema = Compiled('{"properties": {"a": {"type": "string"}, "b": {"pattern": "^x"}}}')
    text = '{"a": "' + "x" * (MAX_SLOW_HERE // schema.size.parts - 20) + '", "b": "x"}'
    assert await checker.mismatch(ACCOUNT, schema, text) is None
    assert checker._apart._process is None


async def test_a_process_that_was_killed_is_replaced(checker: SchemaChecker) -> None:
    schema = Compiled('{"required": ["a"]}')
    expected = Mismatch((), "required", '"a" is missing')
    assert await checker.mismatch(ACCOUNT, schema, "{}") == expected
    process = checker._apart._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert await checker.mismatch(ACCOUNT, schema, "{}") == expected


async def _ended(
    checker: SchemaChecker, schema: Compiled, data: str, account: AccountId = ACCOUNT
) -> Mismatch | str | None:
    try:
        return await checker.mismatch(account, schema, data)
    except InvalidRequest as error:
        return error.code


async def _stall(waited: Awaitable[Any]) -> tuple[Any, float]:
    """Return what this ends with, and the longest time for which the event loop did nothing else meanwhile."""
    task, longest = asyncio.ensure_future(waited), 0.0
    while not task.done():
        began = time.perf_counter()
        await asyncio.wait([task], timeout=0.001)
        longest = max(longest, time.perf_counter() - began)
    return task.result(), longest


def _anyof_says() -> str:
    return "the schema says " + json.dumps([{"items": {"type": "string"}}] * 300)[:100] + "…"
