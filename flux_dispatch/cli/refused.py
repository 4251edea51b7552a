"""`flux refused`: look at the messages that can never be worked on, which workers keep in Redis."""

from flux_dispatch.cli.client.one import tell
from flux_dispatch.cli.client.target import running_here
from flux_dispatch.cli.commands.group import Group, OutputCommand
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.terminal import say
from flux_dispatch.cli.output.text import harmless

app = Group("Messages that were refused, and why.", kind=OutputCommand)


@app.command("list", examples="flux refused list --json")
def list_refused() -> None:
    """List what was refused, the newest first; the newest 500 are kept. With --json, all that is known of each.

    It reads the Redis that FLUX_REDIS_URL names, or that of the `flux up` that runs here.
    """
    from config.settings import load_settings
    from flux_dispatch.cli.broker import broker_client
    from workers.refused import kept

    settings = load_settings()
    url = settings.redis_url or running_here()[1].get("redis_url") or settings.need_redis_url()
    try:
        with broker_client(url) as client:
            entries = list(kept(client))
    except Exception as error:  # noqa: BLE001 - kombu's errors have no common root
        raise CliError(f"Redis cannot be asked (check FLUX_REDIS_URL): {error}") from None
    if not entries:
        tell("Nothing was refused.")
    for entry in entries:
        if shared_options().as_json:
            say_json_line(entry)
            continue
        about = "  ".join(str(entry[name]) for name in ("task", "account", "event_type") if entry.get(name))
        say(harmless(f"{entry['at']}  {about}  {entry['why']}"))
