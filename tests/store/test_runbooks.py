"""What a runbook has people ask the database can be asked: each of its statements runs on this schema."""

import re
from pathlib import Path

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


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_of_a_runbook_runs(database: AsyncEngine, statement: tuple[str, str]) -> None:
    sql = (
        "".join(statement)
        .replace("'…'", "'00000000-0000-0000-0000-000000000000'")
        .replace("(pid)", "(0)")
        .replace("$PID", "0")
    )
    async with database.connect() as connection:
        await connection.execute(text(sql.replace(":", r"\:")))


def test_there_are_such_statements() -> None:
    assert len(STATEMENTS) > 10
