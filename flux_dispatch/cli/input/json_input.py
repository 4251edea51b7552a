"""JSON as commands take it: on the command line, from a file (@name), or from standard input (-)."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.text import cut_end, one_line

_MOST_QUOTED = 60


def read_object(given: str, option: str) -> dict[str, Any]:
    """Return the JSON object that an option gives: as text, as @file, or as - for standard input.

    Raises:
        CliError: there is no such file, or no object in it; the message names the place.
    """
    text, place = _text(given, option)
    value = parse_json(text, place)
    if not isinstance(value, dict):
        raise CliError(f'{place} holds {_kind(value)}, where an object is wanted, like {{"order": 7}}.')
    return value


def parse_json(text: str, place: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a text holds that stands in this place.

    Raises:
        CliError: it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        line = one_line(lines_of(text)[error.lineno - 1][max(0, error.colno - 20) :])
        near = f", near {cut_end(line, _MOST_QUOTED)!r}" if line else ""
        raise CliError(f"{place} is no JSON: {where}{near}: {error.msg}.{_hint(text)}") from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CliError(f"{place} is no JSON that can be sent: {why}.") from None


def read_text(path: Path, place: str) -> str:
    """Return the text of a file.

    Raises:
        CliError: it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CliError(f"{place}: {path} is not UTF-8.") from None
    except (OSError, ValueError) as error:
        raise CliError(f"{place}: {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def read_standard_input(place: str) -> str:
    """Return the text of standard input, read as a file is, whatever the locale.

    Raises:
        CliError: it is no UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CliError(f"{place}: standard input is not UTF-8.") from None


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, one at least; what else `splitlines` takes for an end, a text in JSON may hold."""
    return re.split(r"\r\n?|\n", text)


def _text(given: str, option: str) -> tuple[str, str]:
    if given == "-":
        if sys.stdin.isatty():
            sys.stderr.write("Type the JSON, then Ctrl-D:\n")
        return read_standard_input(option), "Standard input"
    if given.startswith("@"):
        return read_text(Path(given[1:]), option), given[1:] or option
    return given, option


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number that JSON has")


def _kind(value: object) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _hint(text: str) -> str:
    if text.lstrip().startswith("{'") or text.lstrip()[1:2].isalpha():
        return " Names and texts stand in double quotes, and the whole in single ones for the shell."
    return ""
