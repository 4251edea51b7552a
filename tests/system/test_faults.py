"""The quick process of the fault suite; `make faults` runs all of it."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.faults.__main__ import run
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.servers import Broker, Database, servers

QUICK = [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.is_quick]
SEED = random.randrange(2**32)  # noqa: S311 - repeatable, not secret


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Database]]:
    directory = tmp_path_factory.mktemp("faults")
    with servers(directory) as both:
        yield both


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_breaks_no_promise(fault: Fault, both: tuple[Broker, Database], tmp_path: Path) -> None:
    verdict = run(fault, *both, tmp_path / "run", SEED)
    assert verdict.wrong == [], f'again: python -m tests.faults --seed {SEED} "{fault.name}"'
    assert verdict.acknowledged > 0
    assert verdict.lost == 0


def test_the_guard_notes_illegal_transitions_and_no_others(both: tuple[Broker, Database]) -> None:
    assert asyncio.run(_moved(both[1].fresh("guarded"), ["sending", "scheduled", "sending", "delivered"])) == []
    assert asyncio.run(_moved(both[1].fresh("guarded_2"), ["delivered", "sending"])) == [
        ("pending", "delivered"),
        ("delivered", "sending"),
    ]


async def _moved(url: str, states: list[str]) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    new = (
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state) VALUES (gen_random_uuid(), $1, $1, 'pending')"
    )
    await connection.execute(new, uuid4())
    for state in states:
        await connection.execute("UPDATE deliveries SET state = $1", state)
    noted = await connection.fetch("SELECT was, became FROM illegal_transitions")
    await connection.close()
    return [(row["was"], row["became"]) for row in noted]
