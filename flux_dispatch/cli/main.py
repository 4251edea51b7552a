"""The `flux` command: reads the arguments, checks the settings, and hands over."""

import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from flux_dispatch import __version__
from flux_dispatch.cli import api_keys, refused
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.open_files import raise_open_files
from flux_dispatch.cli.own_packages import put_own_packages_first

app = typer.Typer(
    help="Flux Dispatch: webhook delivery on Celery, Redis and PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(api_keys.app, name="keys")
app.add_typer(refused.app, name="refused")


def run() -> None:
    """Run the command; whatever goes wrong becomes one line on stderr and an exit status."""
    put_own_packages_first()
    from config.output import finish_output, make_output_safe
    from config.settings import SettingsError
    from flux_dispatch.cli.embedded import ServerUnavailable
    from flux_dispatch.domain.errors import FluxError

    make_output_safe()
    raise_open_files()
    try:
        app()
    except (CliError, SettingsError, ServerUnavailable, FluxError) as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}.")
    finally:
        finish_output()


def _give_up(why: str) -> NoReturn:
    with suppress(OSError):
        sys.stderr.write(f"flux: {why}\n")
    sys.exit(1)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"flux {__version__}")
        raise typer.Exit


@app.callback()
def flux(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Deliver events to webhooks."""


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one. [FLUX_API_PORT]")
    ] = None,
    flower_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of Flower; 0 takes a free one. [FLUX_FLOWER_PORT]")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Worker processes; one per core.")] = None,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Do not deliver a first event.")] = False,
) -> None:
    """Run everything on this machine in one terminal; Ctrl-C stops it all."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.up.command import UpOptions, run_up

    run_up(given_settings(), UpOptions(port, flower_port, workers, demo=not no_demo))


@app.command()
def api() -> None:
    """Run the HTTP API."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_api

    run_api(given_settings())


@app.command()
def worker(
    concurrency: Annotated[int, typer.Option("-c", "--concurrency", min=1, help="Messages worked on at once.")] = 16,
    queues: Annotated[str | None, typer.Option("-Q", "--queues", help="Queues, comma-separated.")] = None,
) -> None:
    """Run one worker process; start as many as you like, on as many machines."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_worker

    run_worker(given_settings(), concurrency, queues)


@app.command()
def flower(
    without_auth: Annotated[bool, typer.Option("--without-auth", hidden=True)] = False,
) -> None:
    """Run Flower, read-only and behind basic auth (FLUX_FLOWER_BASIC_AUTH)."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_flower

    run_flower(given_settings(), without_auth=without_auth)


@app.command()
def migrate() -> None:
    """Bring the database's schema to this version; safe to run again, and from several places at once."""
    from flux_dispatch.cli.given import given_settings
    from flux_dispatch.cli.serve import run_migrate

    run_migrate(given_settings())


if __name__ == "__main__":
    run()
