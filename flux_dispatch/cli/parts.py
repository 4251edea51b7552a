"""`flux up` and the commands that run one part each, as production does."""

from typing import Annotated

import typer

from flux_dispatch.cli.commands.group import Command, Group

app = Group(kind=Command)


@app.command(
    examples="""
    flux up
    flux up --port 0 --flower-port 0 --workers 2
    """
)
def up(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Port of the API; 0 takes a free one. [FLUX_API_PORT]"),
    ] = None,
    flower_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Port of Flower; 0 takes a free one. [FLUX_FLOWER_PORT]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, metavar="N", help="Worker processes. [one per core]")
    ] = None,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Do not deliver a first event.")] = False,
) -> None:
    """Run everything on this machine in one terminal; Ctrl-C stops it all."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.up.command import UpOptions, run_up

    run_up(given_settings(), UpOptions(port, flower_port, workers, demo=not no_demo))


@app.command(examples="flux api")
def api() -> None:
    """Run the HTTP API."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_api

    run_api(given_settings())


@app.command(examples="flux worker\nflux worker -c 32 -Q deliver,bulk")
def worker(
    concurrency: Annotated[
        int, typer.Option("-c", "--concurrency", min=1, metavar="N", help="Messages worked on at once.")
    ] = 16,
    queues: Annotated[
        str | None, typer.Option("-Q", "--queues", metavar="QUEUES", help="Queues, comma-separated. [all]")
    ] = None,
) -> None:
    """Run one worker process; start as many as you like, on as many machines."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_worker

    run_worker(given_settings(), concurrency, queues)


@app.command(examples="FLUX_FLOWER_BASIC_AUTH=flux:sesame flux flower")
def flower(
    without_auth: Annotated[bool, typer.Option("--without-auth", hidden=True)] = False,
) -> None:
    """Run Flower, read-only and for those who may look (FLUX_FLOWER_BASIC_AUTH, or FLUX_FLOWER_OAUTH_PROVIDER)."""
    from flux_dispatch.cli.flower import run_flower
    from flux_dispatch.cli.given import given_settings

    run_flower(given_settings(), without_auth=without_auth)


@app.command(examples="flux migrate")
def migrate() -> None:
    """Bring the database's schema to this version; safe to run again, and from several places at once."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_migrate

    run_migrate(given_settings())
