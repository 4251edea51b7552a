"""Writes down all commands as Markdown, as their own help has them, for docs/cli.md."""

from collections.abc import Iterator
from inspect import cleandoc
from itertools import groupby
from typing import Any, Final

import typer
from typer.main import get_command

from flux_dispatch.cli.commands.help import SHARED, parameter_rows
from flux_dispatch.cli.commands.options import CONNECTION, LISTING, OUTPUT, SharedOption, options_named

_HELP: Final = {"--help", "--version"}


def list_shared_options(app: typer.Typer) -> str:
    """Return a table of the options that commands share."""
    ctx = typer.Context(get_command(app))
    options = options_named((*CONNECTION, *OUTPUT, *LISTING))
    return _table(row for each in options for row in parameter_rows(each, ctx))


def list_commands(app: typer.Typer) -> str:
    """Return a section for each panel, and in it one for each command."""
    root: Any = get_command(app)
    parts = []
    for panel, commands in groupby(root.commands.items(), key=lambda each: each[1].rich_help_panel):
        parts += [f"## {panel}", *(part for name, command in commands for part in _sections(f"flux {name}", command))]
    return "\n\n".join(parts)


def _sections(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - typer hides its classes
    commands = getattr(command, "commands", None)
    if commands is None:
        yield _section(path, command, "###")
        return
    yield f"### `{path}`"
    yield _prose(command)
    for name, each in commands.items():
        yield _section(f"{path} {name}", each, "####")


def _section(path: str, command: Any, level: str) -> str:  # noqa: ANN401 - as above
    ctx = typer.Context(command, info_name=path)
    own = [row for each in command.params for row in parameter_rows(each, ctx) if not _is_shared(each)]
    usage = " ".join([path, *command.collect_usage_pieces(ctx)])
    examples = "\n".join(f"    {line.strip()}" for line in cleandoc(command.epilog or "").splitlines())
    parts = [f"{level} `{usage}`", _prose(command), _table(own) if own else "", examples, _shared_words(command)]
    return "\n\n".join(part for part in parts if part)


def _prose(command: Any) -> str:  # noqa: ANN401 - as above
    return "\n\n".join(" ".join(each.split()) for each in cleandoc(command.help or "").split("\n\n"))


def _table(rows: Any) -> str:  # noqa: ANN401 - an iterable of rows
    lines = [f"| `{name}` | {said} |".replace("\n", " ") for _, name, said in rows if name not in _HELP]
    return "\n".join(["| given | is |", "| --- | --- |", *lines]) if lines else ""


def _is_shared(param: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(param, SharedOption)


def _shared_words(command: Any) -> str:  # noqa: ANN401 - as above
    names = [each.opts[0] for each in command.params if _is_shared(each)]
    return f"{SHARED}: {', '.join(f'`{each}`' for each in names)}." if names else ""
