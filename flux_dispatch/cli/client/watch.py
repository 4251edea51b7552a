"""A list that is looked at again and again: drawn anew on a terminal, told by its news in a pipe."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import flux_webhooks
from flux_webhooks import APIConnectionError, RateLimitError, ServerError

from flux_dispatch.cli.client.connection import open_client, told_refusals
from flux_dispatch.cli.client.refusals import refusal
from flux_dispatch.cli.client.target import find_target
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.screen import Screen
from flux_dispatch.cli.output.tables import Column, fitted, plain_row
from flux_dispatch.cli.output.terminal import is_terminal, note, say, width
from flux_dispatch.cli.output.text import cut_end

WATCH_SECONDS: Final = 2.0
MAX_NEWS: Final = 1_000
"""How many things one look finds; when more have come since the one before, that is said."""

MAX_REMEMBERED: Final = 10_000
"""How many things are known again."""


class _View(Protocol):
    def show(self, things: Iterator[Any]) -> None:
        """Show as much of the list as this view wants."""

    def tell(self, trouble: str) -> None:
        """Tell why there was no list this time."""


def watch(columns: Sequence[Column], fetch: Callable[["flux_webhooks.Flux", int], Iterable[Any]], empty: str) -> None:
    """Show a list again and again, until Ctrl-C, which is how it is meant to end.

    Raises:
        CliError: the API refused what will be refused again.
    """
    options = shared_options()
    target = find_target(options)
    view: _View = _Drawn(columns, empty) if is_terminal() and not options.as_json else _News(columns)
    try:
        with told_refusals(target), open_client(target, options.account, retries=0) as flux:
            while True:
                try:
                    view.show(iter(fetch(flux, min(options.limit, 100))))
                except (APIConnectionError, ServerError, RateLimitError) as error:
                    # it may be back in a moment: a server that is started anew ends no watch
                    view.tell(refusal(error, target))
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        return


class _Drawn:
    """The newest of a list, drawn over what was drawn before."""

    def __init__(self, columns: Sequence[Column], empty: str) -> None:
        self._columns = columns
        self._empty = empty
        self._things: list[Any] = []
        self._screen = Screen()

    def show(self, things: Iterator[Any]) -> None:
        self._things = list(islice(things, shared_options().limit))
        self.tell("")

    def tell(self, trouble: str) -> None:
        rows = [cut_end(line, width()) for line in self._empty.splitlines()]
        if self._things:
            table = fitted(self._columns, self._things, width())
            rows = [table.head(), *map(table.row, self._things)]
        self._screen.draw(rows, trouble)


class _News:
    """A line for each thing that is new, or whose line has changed, the oldest first."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._known: dict[str, str] = {}
        self._trouble = ""

    def show(self, things: Iterator[Any]) -> None:
        self._trouble = ""
        for each in reversed(self._looked_at(things)):
            row = plain_row(self._columns, each)
            if self._known.pop(each.id, None) != row:
                say_json_line(each.raw) if shared_options().as_json else say(row)
            self._known[each.id] = row
        while len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        sys.stdout.flush()

    def tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            note(trouble)
        self._trouble = trouble

    def _looked_at(self, things: Iterator[Any]) -> list[Any]:
        """Return the newest, and beyond those all that have come since the last look."""
        listed = list(islice(things, shared_options().limit))
        if self._known:
            for each in islice(things, MAX_NEWS):
                if each.id in self._known:
                    return listed
                listed.append(each)
            if len(listed) >= MAX_NEWS:
                note(f"More than {MAX_NEWS:,} have come at once; those before are not listed.")
        return listed
