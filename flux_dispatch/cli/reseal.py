"""What `flux keys rotate-encryption` does, with a bar on a terminal; apart from the command, as stored_api_keys is."""

import asyncio
import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress

from config.settings import Settings
from flux_dispatch.cli.caller import caller
from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.engine.reseal import Reseal
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.acting import acting_as
from flux_dispatch.store.connect import check_database, open_database
from flux_dispatch.store.reseal import ResealStore
from flux_dispatch.store.reseal_channels import ChannelResealStore
from flux_dispatch.store.schema_version import check_current
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.sealed_webhooks import WebhookSeals


def reseal_all(settings: Settings) -> tuple[int, int, str]:
    """Seal every webhook and alert channel under the newest key.

    Returns:
        How many webhooks and how many channels were not yet, and the name of that key.

    Raises:
        CliError: some do not open; all others are sealed.
    """
    keyring = Keyring(settings.need_encryption_keys())
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task("Sealing webhooks")
        webhooks, channels, shut = asyncio.run(
            reseal(
                settings.need_database_url(),
                keyring,
                lambda done, total: progress.update(bar, completed=done, total=max(total, done)),
            )
        )
    if shut:
        raise CliError(
            f"{_told(shut)} do not open, {shut[0]} for one: the key that sealed them is not in "
            f"FLUX_ENCRYPTION_KEYS. {webhooks + channels} others are sealed under the key {keyring.newest_id}."
        )
    return webhooks, channels, keyring.newest_id


async def reseal(url: str, keyring: Keyring, on_progress: Callable[[int, int], None]) -> tuple[int, int, list[str]]:
    """Seal every webhook and alert channel of a database.

    Returns:
        How many webhooks and how many channels were not yet, and which of both do not open.
    """
    await check_database(url)
    database = open_database(url, pool_size=1)
    try:
        await check_current(database)
        with acting_as(caller):
            webhooks, shut = await Reseal(ResealStore(database, WebhookSeals(keyring)))(on_progress)
            channels, shut_channels = await Reseal(ChannelResealStore(database, ChannelSeals(keyring)))(lambda *_: None)
        return webhooks, channels, shut + shut_channels
    finally:
        await database.dispose()


def _told(shut: list[str]) -> str:
    channels = sum(each.startswith(Prefix.ALERT_CHANNEL) for each in shut)
    counted = ((len(shut) - channels, "webhooks"), (channels, "alert channels"))
    return " and ".join(f"{count} {name}" for count, name in counted if count)
