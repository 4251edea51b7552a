"""A backup that is taken and restored as docs/operating.md says is whole, and the engine goes on with it."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux_dispatch.cli.embedded.wheels import postgres_programs
from flux_dispatch.store.connect import open_database
from tests.conftest import new_database
from tests.support.dumps import dumped
from tests.support.store_harness import StoreHarness
from tests.support.tree import read

COMMANDS = re.findall(r"(?m)^    (pg_(?:dump|restore) .+)$", read("docs/operating.md"))


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    with new_database(postgres, "template0") as url:
        yield url


async def test_what_was_backed_up_is_restored_and_goes_on(
    world: StoreHarness, database_url: str, empty_database: str, tmp_path: Path
) -> None:
    account = await world.account()
    await world.webhook(account, "order.*")
    delivery = await world.delivery(account)

    for command, url in zip(COMMANDS, (database_url, empty_database), strict=True):
        _run(command, url, tmp_path)

    assert _without_keys(dumped(empty_database)) == _without_keys(dumped(database_url))
    restored = StoreHarness(open_database(empty_database))
    assert (await restored.state(delivery)).state == "pending"
    assert await restored.delivery(account) != delivery
    await restored.database.dispose()


def _run(command: str, url: str, place: Path) -> None:
    path = f"{postgres_programs()}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], env={"PATH": path, "FLUX_DATABASE_URL": url}, cwd=place, check=True)


def _without_keys(dump: str) -> str:
    """Return a dump without the key that psql asks for, which is another one each time."""
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", dump)
