"""Lists: as many pages as were asked for, for people, for pipes or as JSON."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import flux_webhooks

from flux_dispatch.cli.client.connection import connected
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.tables import Column, fitted, plain_row
from flux_dispatch.cli.output.terminal import is_terminal, note, say, width

PAGE: Final = 100

Fetch = Callable[["flux_webhooks.Flux", int], Iterable[Any]]
"""Returns a page of a client, of at most so many, that goes on by itself."""


def show_list(columns: Sequence[Column], fetch: Fetch, *, empty: str) -> None:
    """Print what a list holds; `empty` is what people read where it holds nothing."""
    if shared_options().watch:
        from flux_dispatch.cli.client.watch import watch

        watch(columns, fetch, empty)
        return
    with connected() as flux:
        _print_all(columns, _things(flux, fetch), empty)


def _things(flux: "flux_webhooks.Flux", fetch: Fetch) -> Iterator[Any]:
    options = shared_options()
    if options.list_all:
        return iter(fetch(flux, PAGE))
    # one more tells whether there are more
    return islice(fetch(flux, min(options.limit + 1, PAGE)), options.limit + 1)


def _print_all(columns: Sequence[Column], things: Iterator[Any], empty: str) -> None:
    options = shared_options()
    most = None if options.list_all else options.limit
    first = list(islice(things, PAGE if most is None else most))
    if not first and not options.as_json and is_terminal():
        note(empty)
        return
    say_row, head = _row_sayer(columns, first)
    if head:
        say(head)
    for each in first:
        say_row(each)
    if most is None:
        for each in things:
            say_row(each)
    elif next(things, None) is not None and is_terminal() and not options.as_json:
        note(f"These are {most}; there are more (--limit N, or --all).")


def _row_sayer(columns: Sequence[Column], things: Sequence[Any]) -> tuple[Callable[[Any], None], str]:
    """Return what prints a row, and the line above the first one, if there is any."""
    if shared_options().as_json:
        return lambda thing: say_json_line(thing.raw), ""
    if not is_terminal():
        return lambda thing: say(plain_row(columns, thing)), ""
    table = fitted(columns, things, width())
    return lambda thing: say(table.row(thing)), table.head()
