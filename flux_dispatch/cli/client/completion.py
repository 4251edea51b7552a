"""What the shell may complete: ids and event types of the API, if it answers within a moment."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress

import flux_webhooks

from flux_dispatch.cli.client.connection import open_client
from flux_dispatch.cli.client.target import find_target
from flux_dispatch.cli.commands.options import shared_options

PATIENCE_SECONDS = 1.0

Words = list[tuple[str, str]]


def webhook_ids(incomplete: str) -> Words:
    """Return the ids of webhooks."""
    return _asked(incomplete, lambda flux: ((each.id, each.url) for each in flux.webhooks.list(limit=100).data))


def event_ids(incomplete: str) -> Words:
    """Return the ids of the newest events."""
    return _asked(incomplete, lambda flux: ((each.id, each.type) for each in flux.events.list(limit=50).data))


def delivery_ids(incomplete: str) -> Words:
    """Return the ids of the newest deliveries."""
    return _asked(
        incomplete,
        lambda flux: ((each.id, f"{each.status} {each.event_type}") for each in flux.deliveries.list(limit=50).data),
    )


def event_types(incomplete: str) -> Words:
    """Return the event types of the catalogue."""
    return _asked(
        incomplete,
        lambda flux: (
            (each.name, each.description.partition("\n")[0])
            for each in flux.event_types.list(archived=False, limit=100)
        ),
    )


def recovery_ids(incomplete: str) -> Words:
    """Return the ids of the newest recoveries."""
    return _asked(incomplete, lambda flux: ((each.id, each.status) for each in flux.recoveries.list(limit=50).data))


def alert_ids(incomplete: str) -> Words:
    """Return the ids of the alerts that nobody has seen."""
    return _asked(
        incomplete,
        lambda flux: ((each.id, each.url) for each in flux.alerts.list(acknowledged=False, limit=50).data),
    )


def alert_channel_ids(incomplete: str) -> Words:
    """Return the ids of alert channels."""
    return _asked(
        incomplete,
        lambda flux: ((each.id, f"{each.service} {each.target}") for each in flux.alert_channels.list(limit=50).data),
    )


def account_ids(incomplete: str) -> Words:
    """Return the ids of accounts."""
    return _asked(incomplete, lambda flux: ((each.id, each.name) for each in flux.accounts.list(limit=100).data))


def _asked(incomplete: str, ask: Callable[["flux_webhooks.Flux"], Iterable[tuple[str, str]]]) -> Words:
    """Return what was answered; whatever goes wrong, there is nothing to complete, and nothing is said."""
    with suppress(Exception):
        target = find_target(shared_options())
        with open_client(target, None, retries=0, timeout=PATIENCE_SECONDS) as flux:
            return [
                (word, _tame(said)) for word, said in ask(flux) if word.startswith(incomplete) and _tame(word) == word
            ]
    return []


def _tame(text: str) -> str:
    """Return what others wrote without anything that means something to a shell, for some evaluate what they show."""
    return re.sub(r"[^A-Za-z0-9_ .,/@+-]", " ", text)[:60]
