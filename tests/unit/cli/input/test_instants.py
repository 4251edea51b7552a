"""Times as people give them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.cli.input.instants import parse_instant

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("5 min", timedelta(minutes=5)),
        ("2h ago", timedelta(hours=2)),
        (" 7D ", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_counts_back_from_now(text: str, ago: timedelta) -> None:
    assert parse_instant(text, "--since", now=NOW) == NOW - ago


@pytest.mark.parametrize(
    "text", ["2026-01-15T10:30:00Z", "2026-01-15T12:30+02:00", "20260115T103000Z", "2026-01-15 10:30:00+00:00"]
)
def test_a_time_with_its_zone_is_that(text: str) -> None:
    assert parse_instant(text, "--since") == NOW


def test_without_a_zone_it_is_this_machines() -> None:
    assert parse_instant("2026-01-15", "--since") == datetime(2026, 1, 15).astimezone()
    assert parse_instant("2026-01-15T10:30", "--since").tzinfo is not None


@given(st.text())
def test_a_time_is_aware_or_refused(text: str) -> None:
    with suppress(typer.BadParameter):
        assert parse_instant(text, "--since").tzinfo is not None


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "h", "-2h", "999999w"])
def test_what_is_none_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time"):
        parse_instant(text, "--since")
