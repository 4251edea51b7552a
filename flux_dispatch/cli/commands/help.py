"""Help that is good to read: commands under the headings of their panels, own options before shared ones, examples."""

from collections.abc import Iterator
from inspect import cleandoc
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from typer.core import TyperArgument, TyperGroup, TyperOption

from flux_dispatch.cli.commands.options import LISTING, SharedOption

ARGUMENTS: Final = "Arguments"
OPTIONS: Final = "Options"
SHARED: Final = "Shared options"
COMMANDS: Final = "Commands"
EXAMPLES: Final = "Examples"

Row = tuple[str, str, str]
"""The heading under which it stands, what it is called, and what it is."""


class Help:
    """Writes the help of a command or a group; goes before typer's own class."""

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - typer hides its classes
        """Return --help; one that was not given is False, for to find out what None is, typer would load pydantic."""
        option: Any = super().get_help_option(ctx)  # type: ignore[misc] # of the class behind this one
        if option is not None:
            option.default = False
        return option

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer hides its classes
        """Return what follows the name of the command."""
        names = [_argument(each) for each in self._params(ctx) if isinstance(each, TyperArgument)]
        return [*names, "[OPTIONS]", *(["COMMAND"] if isinstance(self, TyperGroup) else [])]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Write the parameters, and the commands of a group."""
        commands = list(self._commands(ctx))
        widest = max((len(name) for _, name, _ in commands), default=0)
        commands = [(heading, name.ljust(widest), said) for heading, name, said in commands]
        rows = [*commands, *(row for each in self._params(ctx) for row in parameter_rows(each, ctx))]
        for heading, listed in groupby(sorted(rows, key=_place), key=itemgetter(0)):
            with formatter.section(heading):
                formatter.write_dl([(name, said) for _, name, said in listed])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Write the examples as they stand."""
        examples = cleandoc(getattr(self, "epilog", None) or "")
        if examples:
            with formatter.section(EXAMPLES):
                for line in examples.splitlines():
                    formatter.write(f"  {line}\n")

    def _params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - as above
        params: list[Any] = self.get_params(ctx)  # type: ignore[attr-defined] # of the class behind this one
        return params

    def _commands(self, ctx: Any) -> Iterator[Row]:  # noqa: ANN401 - as above
        if isinstance(self, TyperGroup):
            for name in self.list_commands(ctx):
                command: Any = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    yield command.rich_help_panel or COMMANDS, name, summary(command.help or "")


def summary(text: str) -> str:
    """Return the first sentence of a help text, without its full stop."""
    first = " ".join(cleandoc(text).partition("\n\n")[0].split())
    return first.partition(". ")[0].partition("; ")[0].removesuffix(".")


def parameter_rows(param: Any, ctx: Any) -> Iterator[Row]:  # noqa: ANN401 - typer hides its classes
    """Yield the row that stands for a parameter, unless it is hidden."""
    if getattr(param, "hidden", False):
        return
    if isinstance(param, TyperArgument):
        yield ARGUMENTS, _argument(param), param.help or ""
        return
    heading = SHARED if isinstance(param, SharedOption) and param.name not in LISTING else OPTIONS
    names = ", ".join([*sorted(param.opts, key=len), *param.secondary_opts])
    value = "" if param.is_flag or getattr(param, "count", False) else f" {param.metavar or param.display_type(ctx)}"
    yield heading, names + value, _with_default(param)


def _argument(param: TyperArgument) -> str:
    name = param.metavar or param.name.upper()
    name += " ..." if param.nargs != 1 else ""
    return name if param.required else f"[{name}]"


def _with_default(param: TyperOption) -> str:
    said = [param.help or ""]
    if param.show_default and isinstance(param.default, str | int) and param.default:
        said.append(f"[{param.default}]")
    if param.required:
        said.append("[required]")
    return " ".join(said)


def _place(row: Row) -> int:
    last = (COMMANDS, ARGUMENTS, OPTIONS, SHARED)
    return last.index(row[0]) if row[0] in last else -1
