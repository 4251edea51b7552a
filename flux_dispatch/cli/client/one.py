"""One thing as commands print it: its fields for people and pipes, or the API's own JSON."""

from collections.abc import Mapping
from typing import Any, Protocol

from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.tables import details
from flux_dispatch.cli.output.terminal import is_terminal, note, say


class Answer(Protocol):
    """What the API answers with, as the SDK reads it."""

    @property
    def raw(self) -> dict[str, Any]:
        """The JSON as it came."""


def show_one(thing: Answer, fields: Mapping[str, object]) -> None:
    """Print a thing; `fields` are what people want to know of it, by their names in the API."""
    if shared_options().as_json:
        say_json(thing.raw)
        return
    for line in details(fields, people=is_terminal()):
        say(line)


def show_value(thing: Answer, value: str) -> None:
    """Print the one value that a script asks for, or with --json the whole answer."""
    if shared_options().as_json:
        say_json(thing.raw)
    else:
        say(value)


def tell(*lines: str) -> None:
    """Tell people what was done, or what to do next; programs that want JSON are spared it."""
    if not shared_options().as_json:
        for line in lines:
            note(line)
