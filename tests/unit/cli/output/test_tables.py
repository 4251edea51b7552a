"""Tables fit whatever width there is, and cut what can best be done without."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.cli.output.tables import Column, Kind, cell_len, details, fitted, plain_row

ID = "evt_019bc0d6f4c57b3e9f21c4d8e6a70003"


@dataclass(frozen=True)
class Thing:
    id: str = ID
    name: str = "order.completed"
    url: str = "https://example.com/webhooks/flux"
    status: str = "delivered"
    at: datetime = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    count: int = 7
    extra: str = "what may be left out"


COLUMNS = (
    Column("thing", lambda each: each.id, Kind.ID),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("name", lambda each: each.name),
    Column("count", lambda each: each.count, Kind.NUMBER),
    Column("url", lambda each: each.url, Kind.URL, may_go=True),
    Column("at", lambda each: each.at, Kind.TIME, may_go=True),
    Column("extra", lambda each: each.extra, may_go=True),
)


def test_with_room_everything_is_whole() -> None:
    row = fitted(COLUMNS, [Thing()], 300).row(Thing())
    assert "…" not in row
    assert row.startswith(ID)
    assert row.endswith("what may be left out")


def test_long_texts_are_cut_then_ids_and_then_columns_go() -> None:
    table = fitted(COLUMNS, [Thing()], 120)
    assert [each.title for each in table.columns] == [each.title for each in COLUMNS]
    assert "https://ex…" in table.row(Thing())
    table = fitted(COLUMNS, [Thing()], 70)
    assert "extra" not in [each.title for each in table.columns]
    assert "…" in table.row(Thing()).split()[0]


@given(
    st.integers(40, 200), st.lists(st.builds(Thing, name=st.text(max_size=50), url=st.text(max_size=200)), max_size=5)
)
def test_no_line_is_wider_than_the_terminal(width: int, things: list[Thing]) -> None:
    table = fitted(COLUMNS, things, width)
    assert all(cell_len(line) <= width for line in [table.head(), *map(table.row, things)])


@given(st.text(max_size=50))
def test_a_row_of_a_pipe_is_one_line_with_a_tab_between_cells(name: str) -> None:
    row = plain_row(COLUMNS, Thing(name=name))
    assert row.count("\t") == len(COLUMNS) - 1
    assert row.isprintable() or "\t" in row
    assert len(row.splitlines()) == 1
    assert row.split("\t")[0] == ID
    assert row.split("\t")[5] == "2026-01-15T10:30:00Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", "b"], "a, b"),
        ({"plan": "gold", "n": 1}, "plan=gold, n=1"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b[31m", "\\x1b[31m"),
        (datetime(2026, 1, 15, 10, 30, 0, 5000, tzinfo=UTC), "2026-01-15T10:30:00.005Z"),
    ],
)
def test_values_are_written_so_that_one_line_holds_them(value: object, text: str) -> None:
    assert details({"field": value, "missing": None}, people=False) == [f"field\t{text}"]


def test_a_column_that_holds_nothing_takes_no_place() -> None:
    assert "EXTRA" not in fitted(COLUMNS, [Thing(extra=""), Thing(extra="")], 300).head()
    assert "EXTRA" in fitted(COLUMNS, [Thing(extra=""), Thing()], 300).head()


def test_wide_characters_take_two_places() -> None:
    names = [Column("name", lambda each: each)]
    table = fitted(names, ["日本語" * 10], 21)
    assert cell_len(table.row("日本語" * 10)) <= 21
