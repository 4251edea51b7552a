"""The connection that a command calls the API over; whatever it refuses ends the command with one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import flux_webhooks

from flux_dispatch.cli.client.target import Target, find_target
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError


@contextmanager
def connected() -> Iterator["flux_webhooks.Flux"]:
    """Yield a client of the API that the options and the settings of this command name.

    Raises:
        CliError: there is no API to call, or it refused; the message says why and what to do.
    """
    options = shared_options()
    with told_refusals(find_target(options)) as target, open_client(target, options.account) as flux:
        yield flux


def open_client(
    target: Target, account: str | None, *, retries: int | None = None, timeout: float | None = None
) -> "flux_webhooks.Flux":
    """Return a client of this API, as patient as the SDK is unless told otherwise (`timeout` in seconds)."""
    # httpx brings a command of its own, which would load pygments, rich and click; it does well without
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is how a module is kept away
    return flux_webhooks.Flux(
        target.api_key, api_url=target.api_url, account=account, max_retries=retries, timeout=timeout
    )


@contextmanager
def told_refusals(target: Target) -> Iterator[Target]:
    """Have what the client raises within end the command.

    Raises:
        CliError: in its place.
    """
    try:
        yield target
    except flux_webhooks.FluxError as error:
        from flux_dispatch.cli.client.refusals import refusal

        raise CliError(refusal(error, target)) from None
