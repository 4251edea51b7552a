"""Ids as tables on narrow terminals show them, cut in the middle, and as the API takes them, whole."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final

import flux_webhooks

from flux_dispatch.cli.errors import CliError

LOOKED_THROUGH: Final = 1_000
"""How many of the newest things an id that was cut is looked for among."""

_CUTS: Final = ("…", "...")

_LISTS: Final[Mapping[str, Callable[["flux_webhooks.Flux"], Iterable[Any]]]] = {
    "wh": lambda flux: flux.webhooks.list(limit=100),
    "evt": lambda flux: flux.events.list(limit=100),
    "dlv": lambda flux: flux.deliveries.list(limit=100),
    "rec": lambda flux: flux.recoveries.list(limit=100),
    "alrt": lambda flux: flux.alerts.list(limit=100),
    "chan": lambda flux: flux.alert_channels.list(limit=100),
    "acct": lambda flux: flux.accounts.list(limit=100),
}


def whole_id(flux: "flux_webhooks.Flux", given: str) -> str:
    """Return the id that was given; one that was cut in the middle is found again among the newest.

    Raises:
        CliError: none is like that, or several are.
    """
    listed = _LISTS.get(given.partition("_")[0])
    return given if listed is None else whole_among(given, lambda: (each.id for each in listed(flux)))


def whole_ids(flux: "flux_webhooks.Flux", filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of a list, and those whole that are ids and were cut.

    Raises:
        CliError: as above.
    """
    return {name: whole_id(flux, each) if isinstance(each, str) else each for name, each in filters.items()}


def whole_among(given: str, known: Callable[[], Iterable[str]]) -> str:
    """Return the id that was given; one that was cut is found again among those that are known, the newest of them.

    Raises:
        CliError: none is like that, or several are.
    """
    cut = next((each for each in _CUTS if each in given), None)
    if cut is None:
        return given
    begins, _, ends = given.partition(cut)
    fitting = [each for each in islice(known(), LOOKED_THROUGH) if each.startswith(begins) and each.endswith(ends)]
    if len(fitting) == 1:
        return fitting[0]
    how_many = "Several are" if fitting else f"None of the newest {LOOKED_THROUGH:,} is"
    raise CliError(f"{how_many} like {given}. Give the whole id; --json shows it.")
