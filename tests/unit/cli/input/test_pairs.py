"""Pairs and lists as commands take them."""

import pytest
import typer

from flux_dispatch.cli.input.pairs import parse_list, parse_optional_list, parse_pairs


def test_pairs_are_parted_where_they_say() -> None:
    assert parse_pairs(["plan=gold", "formula=a=b", "empty="], "--metadata") == {
        "plan": "gold",
        "formula": "a=b",
        "empty": "",
    }
    assert parse_pairs(["X-Team: billing", "X-Url:https://a"], "--header", ":") == {
        "X-Team": "billing",
        "X-Url": "https://a",
    }


def test_none_is_nothing_and_a_single_empty_one_empties() -> None:
    assert parse_pairs(None, "--metadata") is None
    assert parse_pairs([""], "--metadata") == {}


@pytest.mark.parametrize("given", [["plan"], ["=gold"], ["plan=a", "plan=b"], ["", "plan=a"]])
def test_what_is_no_pair_is_refused(given: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        parse_pairs(given, "--metadata")


def test_lists_have_commas_or_come_again() -> None:
    assert parse_list(["a, b", "c,,", " "]) == ["a", "b", "c"]
    assert parse_optional_list(None) is None
    assert parse_optional_list([""]) == []
