"""The `flux` command: reads the arguments, and hands over; whatever goes wrong becomes one line."""

import sys
from contextlib import suppress
from typing import Annotated, Final, NoReturn

import typer

from flux_dispatch import __version__
from flux_dispatch.cli import (
    accounts,
    alert_channels,
    alerts,
    api_keys,
    audit_log,
    completion,
    dashboard,
    deliveries,
    event_types,
    events,
    parts,
    recoveries,
    refused,
    trigger,
    verify,
    webhooks,
)
from flux_dispatch.cli.commands.group import Group
from flux_dispatch.cli.completion import PROGRAM, prepare_completion
from flux_dispatch.cli.doctor import command as doctor
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen import command as listen
from flux_dispatch.cli.open_files import raise_open_files
from flux_dispatch.cli.own_packages import put_own_packages_first

RUN_IT: Final = "Run it"
MANAGE: Final = "Manage"
DEVELOP: Final = "Develop"

app = Group(
    "Flux Dispatch: webhooks, delivered."
    "\n\nCommands that call an API take --api-url and --api-key, else FLUX_API_URL and FLUX_API_KEY, else what "
    "`flux up` runs here. Each has its own --help, with examples."
)

for group, name, panel in (
    (parts.app, None, RUN_IT),
    (doctor.app, None, RUN_IT),
    (refused.app, "refused", RUN_IT),
    (webhooks.app, "webhooks", MANAGE),
    (events.app, "events", MANAGE),
    (deliveries.app, "deliveries", MANAGE),
    (event_types.app, "event-types", MANAGE),
    (recoveries.begin, None, MANAGE),
    (recoveries.app, "recoveries", MANAGE),
    (alerts.app, "alerts", MANAGE),
    (alert_channels.app, "alert-channels", MANAGE),
    (accounts.app, "accounts", MANAGE),
    (api_keys.app, "keys", MANAGE),
    (audit_log.app, "audit-log", MANAGE),
    (dashboard.app, None, MANAGE),
    (listen.app, None, DEVELOP),
    (trigger.app, None, DEVELOP),
    (verify.app, None, DEVELOP),
    (completion.app, None, DEVELOP),
):
    app.add(group, name, panel)


def run() -> None:
    """Run the command; whatever goes wrong becomes one line on stderr and an exit status."""
    put_own_packages_first()
    from config.output import finish_output, make_output_safe

    make_output_safe()
    raise_open_files()
    try:
        prepare_completion()
        app(prog_name=PROGRAM)
    except OSError as error:
        _give_up(f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}.")
    except Exception as error:
        if not isinstance(error, _refusals()):
            raise
        _give_up(str(error))
    finally:
        finish_output()


def _refusals() -> tuple[type[Exception], ...]:
    """Return what commands raise to end with one line; only now, for settings take long to load."""
    from config.settings import SettingsError
    from flux_dispatch.cli.embedded import ServerUnavailable
    from flux_dispatch.domain.errors import FluxError

    return CliError, SettingsError, ServerUnavailable, FluxError


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


if __name__ == "__main__":
    run()
