"""`flux completion`: the script by which a shell completes commands, options, ids and event types."""

import os
from typing import Annotated, Final, Literal

import typer

from flux_dispatch.cli.commands.group import Command, Group

PROGRAM: Final = "flux"
COMPLETE_VARIABLE: Final = "_FLUX_COMPLETE"

app = Group(kind=Command)


@app.command(
    examples="""
    flux completion bash > ~/.local/share/bash-completion/completions/flux
    flux completion zsh > "${fpath[1]}/_flux"
    flux completion fish > ~/.config/fish/completions/flux.fish
    """
)
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes `flux` in a shell.

    Ids and event types come from the API that FLUX_API_URL and FLUX_API_KEY name, or that `flux up` runs.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # it is there

    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, shell=shell))


def prepare_completion() -> None:
    """Where a shell asks what may follow, have typer answer in the words of that shell."""
    if COMPLETE_VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined] # it is there

        completion_init()
