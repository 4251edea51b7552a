"""Pairs as commands take them: `--metadata plan=gold`, `--header 'X-Team: billing'`."""

from collections.abc import Sequence

import typer


def parse_pairs(given: Sequence[str] | None, option: str, parting: str = "=") -> dict[str, str] | None:
    """Return pairs by their names; None where none were given, and {} for a single empty one, which empties all.

    Raises:
        BadParameter: one has no name, or nothing parts it; or a name came twice.
    """
    if not given:
        return None
    if list(given) == [""]:
        return {}
    pairs: dict[str, str] = {}
    for each in given:
        name, found, value = each.partition(parting)
        if not found or not name.strip():
            like = "'X-Team: billing'" if parting == ":" else "plan=gold"
            raise typer.BadParameter(f"{each[:60]!r} is not like {like}.", param_hint=option)
        if name.strip() in pairs:
            raise typer.BadParameter(f"{name.strip()[:60]} came twice.", param_hint=option)
        pairs[name.strip()] = value.strip() if parting == ":" else value
    return pairs


def parse_list(given: Sequence[str]) -> list[str]:
    """Return what was given with commas, again and again, or both."""
    return [part.strip() for each in given for part in each.split(",") if part.strip()]


def parse_optional_list(given: Sequence[str] | None) -> list[str] | None:
    """Return what was given; None where nothing was, which is not the same as an empty text."""
    return None if given is None else parse_list(given)
