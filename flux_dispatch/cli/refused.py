"""`flux refused`: look at the messages that can never be worked on, which workers keep in Redis."""

import json
from typing import Annotated

import typer

from flux_dispatch.cli.errors import CliError

app = typer.Typer(help="Messages that were refused, and why.", no_args_is_help=True)


@app.callback()
def refused() -> None:
    """Look at what came through the broker and was refused."""


@app.command("list")
def list_refused(
    as_json: Annotated[bool, typer.Option("--json", help="All that is kept of each, one JSON object a line.")] = False,
) -> None:
    """List what was refused, the newest first; the newest 500 are kept."""
    from config.settings import load_settings
    from flux_dispatch.cli.broker import broker_client
    from workers.refused import kept

    url = load_settings().need_redis_url()
    try:
        with broker_client(url) as client:
            entries = list(kept(client))
    except Exception as error:  # noqa: BLE001 - kombu's errors have no common root
        raise CliError(f"Redis cannot be asked (check FLUX_REDIS_URL): {error}") from None
    for entry in entries:
        if as_json:
            typer.echo(json.dumps(entry))
            continue
        about = "  ".join(str(entry[name]) for name in ("task", "account", "event_type") if entry.get(name))
        typer.echo(f"{entry['at']}  {about}  {entry['why']}")
