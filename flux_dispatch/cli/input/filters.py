"""Options that narrow lists, the same wherever a list takes them."""

from typing import Annotated

import typer

from flux_dispatch.cli.input.instants import TIME_HELP, TIME_METAVAR

CreatedAfter = Annotated[
    str | None, typer.Option("--created-after", metavar=TIME_METAVAR, help=f"Of events from then on: {TIME_HELP}")
]
CreatedBefore = Annotated[
    str | None, typer.Option("--created-before", metavar=TIME_METAVAR, help="Of events before then.")
]
