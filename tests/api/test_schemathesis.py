"""Schemathesis makes requests out of the OpenAPI document, good and bad, one after the other and in sequences."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import NewApiKey, Scope
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.api_keys import ApiKeyStore
from tests.support.api import running_api
from tests.support.tree import ROOT

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "40")
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """The URL of an API that does not wait long for the tests of webhooks, which no worker sends here."""
    async with running_api(database_url, redis_url, delivery_timeout="1", webhooks_per_account="10000") as url:
        yield url


@pytest.mark.timeout(900)
async def test_it_finds_nothing(api: str, database: AsyncEngine) -> None:
    account = await AccountStore(database).create("schemathesis")
    made = await ApiKeyStore(database).add(None, NewApiKey((Scope.ADMIN,)))
    assert made
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIG, "run", f"{api}/openapi.json"]
    given = {"FLUX_API_KEY": made[1], "FLUX_ACCOUNT": account, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--max-examples", EXAMPLES, "--seed", "1", "--no-color", "--no-shrink"),
        env={**os.environ, **given},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-20_000:]
