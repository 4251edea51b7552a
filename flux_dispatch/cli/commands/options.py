"""The options that many commands share, so that none of them has to declare, or to hand on, where the API is."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

import typer
from typer.core import TyperOption
from typer.main import get_command

MAX_LISTED: Final = 100_000
DEFAULT_LISTED: Final = 25

CONNECTION: Final = ("api_url", "api_key", "account")
OUTPUT: Final = ("as_json",)
LISTING: Final = ("limit", "list_all", "watch")

_META: Final = "flux_dispatch.cli."


@dataclass(frozen=True, slots=True)
class SharedOptions:
    """What was given of the shared options, before the command or behind it; the one behind it counts."""

    api_url: str | None = None
    api_key: str | None = None
    account: str | None = None
    as_json: bool = False
    limit: int = DEFAULT_LISTED
    list_all: bool = False
    watch: bool = False


_NONE: Final = SharedOptions()
_current: ContextVar[SharedOptions] = ContextVar("shared options", default=_NONE)


def shared_options() -> SharedOptions:
    """Return the shared options of the command that runs."""
    return _current.get()


class SharedOption(TyperOption):
    """An option that is kept beside the command, and not handed to its function."""

    def process_value(self, ctx: Any, value: Any) -> Any:  # noqa: ANN401 - as the class that it refines has it
        """Keep what was given; what was not costs nothing, not even loading what checks it."""
        if value not in {None, False}:
            ctx.meta[_META + self.name] = super().process_value(ctx, value)
        return value


def options_named(names: Sequence[str], *, hidden: bool = False) -> list[SharedOption]:
    """Return these of the shared options, to stand among the parameters of a command."""
    return [_shared(declared, hidden=hidden) for name in names for declared in _DECLARED if declared.name == name]


def keep_given(ctx: typer.Context) -> None:
    """Make what was given on this command line that of the command that runs."""
    _current.set(SharedOptions(**_given(ctx)))


def refused_option(ctx: typer.Context, taken: Sequence[str]) -> str | None:
    """Return an option that was given before a command that does not take it."""
    return next((_flag(name) for name in _given(ctx) if name not in taken), None)


def _given(ctx: typer.Context) -> dict[str, Any]:
    names = [each.name for each in fields(SharedOptions)]
    return {name: ctx.meta[_META + name] for name in names if _META + name in ctx.meta}


def _flag(name: str) -> str:
    return next(each.opts[0] for each in _DECLARED if each.name == name)


def _shared(declared: TyperOption, *, hidden: bool) -> SharedOption:
    return SharedOption(
        param_decls=[declared.name, *declared.opts],
        type_descriptor=declared.type_descriptor,
        is_flag=declared.is_flag,
        metavar=declared.metavar,
        help=declared.help,
        min=declared.min,
        max=declared.max,
        expose_value=False,
        hidden=hidden,
        rich_help_panel=declared.rich_help_panel,
    )


_app = typer.Typer(add_completion=False)


@_app.command()
def _declare(
    *,
    api_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the API is. [FLUX_API_URL, else what `flux up` runs here]"),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The API key. [FLUX_API_KEY, else that of `flux up`]")
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="ACCOUNT", help="Whom a platform key acts for: acct_…, or ext:… (your own id)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object, or one a line for lists.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_LISTED, metavar="N", help=f"List so many at most. [{DEFAULT_LISTED}]"),
    ] = None,
    list_all: Annotated[bool, typer.Option("--all", help="List all, however many pages that takes.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep looking, every two seconds, until Ctrl-C; in a pipe, new lines only.")
    ] = False,
) -> None: ...


_DECLARED: Final = [each for each in get_command(_app).params if isinstance(each, TyperOption)]
