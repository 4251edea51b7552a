"""Ids tell their noun, sort by time, and cannot be mistaken for one another."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.errors import MalformedId
from flux_dispatch.domain.ids import Prefix, format_id, made_at, new_id, parse_id

HEX = "0190f3c1a2b37c4d8e5f60718293a4b5"


@pytest.mark.parametrize("prefix", Prefix)
@given(milliseconds=st.integers(0, 2**48 - 1))
def test_a_new_id_is_a_uuid7_behind_the_prefix_of_its_noun(prefix: Prefix, milliseconds: int) -> None:
    made = new_id(prefix, milliseconds)
    value = UUID(parse_id(prefix, made))
    assert made == f"{prefix}_{value.hex}"
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert value.int >> 80 == milliseconds


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
def test_ids_made_later_sort_later(one: int, other: int) -> None:
    earlier, later = sorted((one, other))
    if earlier < later:
        assert new_id(Prefix.EVENT, earlier) < new_id(Prefix.EVENT, later)


@given(st.integers(0, 2**40))
def test_an_id_tells_when_it_was_made(milliseconds: int) -> None:
    made = made_at(UUID(parse_id(Prefix.EVENT, new_id(Prefix.EVENT, milliseconds))))
    assert abs(made - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=milliseconds)) < timedelta(
        milliseconds=1
    )
    assert made.tzinfo is UTC


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_id(Prefix.EVENT, 1) for _ in range(10_000)}) == 10_000


def test_the_stored_form_and_the_public_one_are_the_same_id() -> None:
    assert format_id(Prefix.WEBHOOK, HEX) == f"wh_{HEX}"
    assert parse_id(Prefix.WEBHOOK, f"wh_{HEX}") == HEX


@pytest.mark.parametrize(
    "text",
    [
        *("", "wh", "wh_", HEX, f"_{HEX}", f"evt_{HEX}", f"WH_{HEX}", f"wh-{HEX}", f"wh_{HEX.upper()}"),
        *(f"wh_{HEX[:-1]}", f"wh_{HEX}0", f" wh_{HEX}", f"wh_{HEX}\n", f"wh_{'x' * 32}", f"wh_{chr(0xFF11) * 32}"),
        *(f"wh_{HEX}'; --", "wh_" + "0" * 100_000),
    ],
)
def test_what_is_not_an_id_of_the_noun_is_refused(text: str) -> None:
    with pytest.raises(MalformedId, match="should look like wh_") as refused:
        parse_id(Prefix.WEBHOOK, text)
    assert refused.value.code == "malformed_id"
    assert len(refused.value.message) < 200
