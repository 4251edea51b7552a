"""What `flux event-types import` does with each type: create it, keep it, or change it; and saying so."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import flux_webhooks
from flux_webhooks.models import EventType

from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.catalogue_files import WantedType
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.terminal import note, say
from flux_dispatch.cli.output.text import one_line

CREATED: Final = "created"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
KEPT: Final = "kept"
REFUSED: Final = "refused"


def import_all(flux: "flux_webhooks.Flux", wanted: Sequence[WantedType], *, update: bool, dry_run: bool) -> None:
    """Put these types into the catalogue, and print a line of each.

    Raises:
        CliError: the API refused some; all others are done.
    """
    existing = {each.name: each for each in flux.event_types.list(limit=100)}
    counts = Counter[str]()
    for each in wanted:
        result = _plan(each, existing.get(each.name), update=update)
        why = ""
        if not dry_run:
            result, why = _done(flux, each, result)
        counts[result] += 1
        _tell(each, result, why)
    _sum_up(counts, dry_run=dry_run)


def _plan(wanted: WantedType, there: EventType | None, *, update: bool) -> str:
    if there is None or there.archived_at is not None:
        return CREATED
    if all(getattr(there, field) == value for field, value in wanted.given.items()):
        return UNCHANGED
    return UPDATED if update else KEPT


def _done(flux: "flux_webhooks.Flux", wanted: WantedType, result: str) -> tuple[str, str]:
    """Do what was planned; return what came of it, and why it was refused."""
    try:
        if result == CREATED:
            flux.event_types.create(wanted.name, **wanted.given)
        elif result == UPDATED:
            flux.event_types.update(wanted.name, **wanted.given)
    except flux_webhooks.InvalidRequestError as error:
        return REFUSED, f"{wanted.place}: {error.param or 'it'}: {error.message}"
    return result, ""


def _tell(wanted: WantedType, result: str, why: str) -> None:
    if shared_options().as_json:
        say_json_line({"name": wanted.name, "result": result, **({"reason": why} if why else {})})
    else:
        say(one_line(f"{result:9}  {wanted.name}  {why}").rstrip() if why else f"{result:9}  {wanted.name}")


def _sum_up(counts: Mapping[str, int], *, dry_run: bool) -> None:
    if not shared_options().as_json:
        note(", ".join(f"{count} {result}" for result, count in counts.items()) + (" (dry run)." if dry_run else "."))
        if counts.get(KEPT):
            note("What is kept differs from the file; --update changes it.")
    if counts.get(REFUSED):
        raise CliError(f"{counts[REFUSED]} of {sum(counts.values())} were refused; the lines above say why.")
