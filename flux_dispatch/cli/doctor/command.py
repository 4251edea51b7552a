"""`flux doctor`: the command."""

from typing import Annotated

import typer

from flux_dispatch.cli.commands.group import Group, OutputCommand
from flux_dispatch.cli.doctor.part import Part

app = Group(kind=OutputCommand)


@app.command(examples="flux doctor\nflux doctor --json\nflux doctor database workers")
def doctor(
    parts: Annotated[
        list[Part] | None,
        typer.Argument(metavar="PART", help=f"Look at these alone: {', '.join(Part)}. [all]"),
    ] = None,
) -> None:
    """Check an installation, and say of whatever is wrong how to mend it.

    It reads the settings that a server process reads, so run it where one runs; beside `flux up` it finds them by
    itself. Exits 1 if something is wrong; a warning is nothing wrong yet.
    """
    from flux_dispatch.cli.doctor.checkup import check_up

    check_up(parts or ())
