"""The channels of operators: whether their URLs can be used, and whether the last message to each arrived."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from config.settings import Settings
from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, unknown, warning, wrong
from flux_dispatch.cli.output.times import span
from flux_dispatch.domain.errors import InvalidRequest, Unavailable
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.pages import MAX_READ_SECONDS
from workers.wiring.alerts import sender_of

URLS, MESSAGES = "alert URLs", "alert messages"
_EVERYWHERE: Final = "in FLUX_ALERT_URLS, the same for every `flux api` and `flux worker`"


def check_alerts(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of how operators are told."""
    if installation.settings.alert_urls:
        yield from asyncio.run(_all(installation.settings))
    elif installation.api_url:
        yield ok(URLS, "none, nor needed on one machine")
    else:
        mend = f"Give a URL {_EVERYWHERE}; Prometheus and the rules of deploy/prometheus tell of troubles, too."
        yield warning(URLS, "FLUX_ALERT_URLS is not set, so no operator is told of troubles.", mend)


async def _all(settings: Settings) -> list[Finding]:
    return [await _urls(settings), await _messages(settings)]


async def _urls(settings: Settings) -> Finding:
    sender = sender_of(settings)
    try:
        for number, url in enumerate(settings.alert_urls, 1):
            try:
                await sender.check_operators(url)
            except InvalidRequest as error:
                return wrong(URLS, f"URL {number}: {error.message}", f"Correct it {_EVERYWHERE}.")
    except Unavailable as error:
        return unknown(URLS, str(error))
    finally:
        await sender.close()
    return ok(URLS, f"{len(settings.alert_urls)}, which can be used")


async def _messages(settings: Settings) -> Finding:
    if not settings.database_url:
        return unknown(MESSAGES, "not asked: FLUX_DATABASE_URL is not set")
    database = open_database(settings.database_url, pool_size=1, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    try:
        channels = await OperationsQueries(database).alert_channels()
    except Unavailable as error:
        return unknown(MESSAGES, str(error))
    finally:
        await database.dispose()
    for each in channels:
        if each.failing_since:
            since = span(datetime.now(UTC) - each.failing_since)
            said = f"None to {each.target} has arrived for {since}: {each.last_error}"
            return warning(MESSAGES, said, f"It is tried again; a URL is corrected {_EVERYWHERE}.")
    return ok(
        MESSAGES, "the last of each channel arrived" if any(each.last_sent_at for each in channels) else "none yet"
    )
