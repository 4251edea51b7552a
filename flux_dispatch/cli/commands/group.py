"""Groups of commands as all of ours are made: with examples in their help, and with the options that they share."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from flux_dispatch.cli.commands.help import Help
from flux_dispatch.cli.commands.mistakes import told_mistakes
from flux_dispatch.cli.commands.options import (
    CONNECTION,
    LISTING,
    OUTPUT,
    keep_given,
    options_named,
    refused_option,
)

MAX_WIDTH: Final = 100
"""Of help, in characters."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(Help, TyperCommand):
    """A command that calls no API; `shared` are the options that it has in common with others."""

    shared: ClassVar[Sequence[str]] = ()

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - what typer gives
        super().__init__(*arguments, **more)
        own = {each.name for each in self.params}
        self.params.extend(options_named([name for name in self.shared if name not in own]))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as the class that it refines has it
        """Read what was given."""
        with told_mistakes():
            return list(super().parse_args(ctx, args))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the class that it refines has it
        """Run it; an option before it that it knows nothing of is a mistake."""
        refused = refused_option(ctx, self.shared)
        if refused:
            ctx.fail(f"`{ctx.command_path}` does not take {refused} before its name.")
        keep_given(ctx)
        return super().invoke(ctx)


class OutputCommand(Command):
    """A command that calls no API, and has its result in JSON, too."""

    shared: ClassVar[Sequence[str]] = OUTPUT


class ClientCommand(Command):
    """A command that calls the API."""

    shared: ClassVar[Sequence[str]] = (*CONNECTION, *OUTPUT)


class ConnectionCommand(Command):
    """A command that calls the API, and prints bytes as they come."""

    shared: ClassVar[Sequence[str]] = CONNECTION


class KeysCommand(Command):
    """A command that may call the API, or do its work in the database."""

    shared: ClassVar[Sequence[str]] = ("api_url", "api_key", *OUTPUT)


class ListCommand(Command):
    """A command that calls the API for a list."""

    shared: ClassVar[Sequence[str]] = (*LISTING, *CONNECTION, *OUTPUT)


class CommandGroup(Help, TyperGroup):
    """A group of commands; the options that commands share may stand before their names, too."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - what typer gives
        super().__init__(**more)
        self.params.extend(options_named((*CONNECTION, *OUTPUT), hidden=True))


class Group(typer.Typer):
    """Where the commands of one resource are registered.

    Args:
        help: what the group is about; None where its commands stand at the top, beside the groups.
        kind: what its commands are unless they say otherwise.
    """

    def __init__(self, help: str | None = None, *, kind: type[Command] = ClientCommand) -> None:  # noqa: A002 - typer's
        super().__init__(
            help=help,
            cls=CommandGroup,
            no_args_is_help=True,
            add_completion=False,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": MAX_WIDTH},
        )
        self._kind = kind

    def command(self, name: str | None = None, *, examples: str = "", **more: Any) -> Callable[[Function], Function]:  # noqa: ANN401 - what typer takes
        """Register a command; `examples` are whole command lines, one a line, which tests parse."""
        more.setdefault("cls", self._kind)
        return super().command(name, epilog=examples, **more)

    def add(self, group: "Group", name: str | None, panel: str) -> None:
        """Put a group among these commands, or its commands themselves where it has no name, under a heading."""
        for each in () if name else group.registered_commands:
            each.rich_help_panel = panel
        self.add_typer(group, name=name, rich_help_panel=panel)

    def listing(self, name: str | None = "list", *, examples: str = "") -> Callable[[Function], Function]:
        """Register a command that lists things."""
        return self.command(name, examples=examples, cls=ListCommand)
