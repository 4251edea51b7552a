"""What a runbook has people ask the database can be asked: each of its statements runs on this schema."""

import re
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.tree import ROOT

STATEMENTS = [
    pytest.param(statement, id=f"{path.stem} {number}")
    for path in sorted(Path(ROOT / "docs" / "runbooks").glob("*.md"))
    for number, statement in enumerate(
        re.findall(r'-c "([^"]+)"|`((?:SELECT|UPDATE|DELETE) [^`]+ [^`]+)`', path.read_text())
    )
]


def sql_of(statement: tuple[str, str]) -> str:
    return (
        "".join(statement)
        .replace("'…'", "'00000000-0000-0000-0000-000000000000'")
        .replace("(pid)", "(0)")
        .replace("$PID", "0")
    )


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_of_a_runbook_runs(database: AsyncEngine, statement: tuple[str, str]) -> None:
    async with database.connect() as connection:
        await connection.execute(text(sql_of(statement).replace(":", r"\:")))


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_an_account_or_a_webhook_is_shown_as_commands_take_it(
    database_url: str, statement: tuple[str, str]
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        prepared = await connection.prepare(sql_of(statement))
        shown = {each.name: each.type.name for each in prepared.get_attributes()}
    finally:
        await connection.close()
    # a row that is shown whole is for looking at, and is named by its own id
    ids = set() if "SELECT *" in sql_of(statement) else {"account_id", "webhook_id"}
    assert not ids & set(shown)
    assert {kind for name, kind in shown.items() if name in {"account", "webhook"}} <= {"text"}


def test_there_are_such_statements() -> None:
    assert len(STATEMENTS) > 10
