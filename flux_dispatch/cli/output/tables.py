"""Tables: on a terminal they fit its width, in a pipe each row is whole, one a line, its cells parted by tabs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

from flux_dispatch.cli.output.terminal import coloured, is_terminal, say, status, width
from flux_dispatch.cli.output.text import cut_end, cut_middle, one_line
from flux_dispatch.cli.output.times import local, utc

_GAP: Final = "  "


class Kind(Enum):
    """What a column holds, and so how it is cut where the terminal is narrow."""

    ID = auto()
    URL = auto()
    TEXT = auto()
    SENTENCE = auto()
    STATUS = auto()
    NUMBER = auto()
    TIME = auto()


_COMFORTABLE: Final = {Kind.TEXT: 16, Kind.SENTENCE: 48, Kind.URL: 20, Kind.ID: 17}
_LEAST: Final = {Kind.TEXT: 6, Kind.SENTENCE: 6, Kind.URL: 12, Kind.ID: 11}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, what it holds of a thing, and whether a narrow terminal may leave it out."""

    title: str
    value: Callable[[Any], object]
    kind: Kind = Kind.TEXT
    may_go: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """The columns that a terminal has room for, each with its width."""

    columns: Sequence[Column]
    widths: Sequence[int]

    def head(self) -> str:
        """Return the line of the titles."""
        return self._line([(each.title.upper(), None) for each in self.columns], bold=True)

    def row(self, thing: object) -> str:
        """Return the line of a thing."""
        return self._line([(_cell(each, thing), each.kind) for each in self.columns])

    def _line(self, cells: Sequence[tuple[str, Kind | None]], *, bold: bool = False) -> str:
        written = []
        for (text, kind), column, wide in zip(cells, self.columns, self.widths, strict=True):
            cut = _cut(text, wide, column.kind)
            padding = " " * (wide - cell_len(cut))
            styled = status(cut) if kind is Kind.STATUS else coloured(cut, bold=bold) if bold else cut
            written.append(padding + styled if column.kind is Kind.NUMBER else styled + padding)
        return _GAP.join(written).rstrip()


def fitted(columns: Sequence[Column], things: Sequence[object], room: int) -> Fitted:
    """Return the columns as they fit so many places.

    Long texts are cut first, then ids, which a command takes cut, too. Where that is not enough, the last column that
    may go is left out; and at the very last all are cut to where they can just be told apart. One that may go and is
    empty is never there.
    """
    kept = [each for each in columns if not each.may_go or any(_plain(each.value(thing)) for thing in things)]
    while True:
        natural = [max([cell_len(each.title), *(cell_len(_cell(each, thing)) for thing in things)]) for each in kept]
        widths, space = list(natural), room - len(_GAP) * (len(kept) - 1)
        for kinds in ({Kind.TEXT, Kind.SENTENCE, Kind.URL}, {Kind.ID}):
            _squeeze(kept, widths, space, {kind: _COMFORTABLE[kind] for kind in kinds})
        last = next((each for each in reversed(kept) if each.may_go), None)
        if sum(widths) > space and last is not None:
            kept.remove(last)
            continue
        _squeeze(kept, widths, space, _LEAST)
        return Fitted(kept, widths)


def show_rows(columns: Sequence[Column], things: Sequence[object]) -> None:
    """Print these things, as a table or as plain rows; nothing where there are none."""
    if not is_terminal():
        for each in things:
            say(plain_row(columns, each))
    elif things:
        table = fitted(columns, things, width())
        say(table.head())
        for each in things:
            say(table.row(each))


def plain_row(columns: Sequence[Column], thing: object) -> str:
    """Return the line of a thing as a pipe gets it."""
    return "\t".join(_plain(each.value(thing)) for each in columns)


def details(fields: Mapping[str, object], *, people: bool) -> list[str]:
    """Return the lines that show the fields of one thing; those that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    if not people:
        return [f"{name}\t{_plain(value)}" for name, value in given.items()]
    wide = max(map(len, given), default=0)
    return [f"{coloured(name.ljust(wide), dim=True)}  {_detail(name, value)}".rstrip() for name, value in given.items()]


def cell_len(text: str) -> int:
    """Return how many places of a terminal a text takes; some characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len as measured

    return measured(text)


def _squeeze(columns: Sequence[Column], widths: list[int], space: int, least: Mapping[Kind, int]) -> None:
    """Take places from the widest of these kinds of columns until all fit, or none has more than its least."""
    bounds = {index: max(least[each.kind], len(each.title)) for index, each in enumerate(columns) if each.kind in least}
    while sum(widths) > space:
        able = [index for index, bound in bounds.items() if widths[index] > bound]
        if not able:
            return
        widths[max(able, key=widths.__getitem__)] -= 1


def _cut(text: str, width: int, kind: Kind) -> str:
    if cell_len(text) <= width:
        return text
    cut = cut_middle(text, width) if kind in {Kind.ID, Kind.URL} else cut_end(text, width)
    while cell_len(cut) > width:  # wide characters take two places
        cut = cut_end(cut, len(cut) - 1)
    return cut


def _cell(column: Column, thing: object) -> str:
    value = column.value(thing)
    if isinstance(value, datetime):
        return local(value)
    return _plain(value) or "-"


def _detail(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return local(value)
    text = _plain(value)
    return status(text) if name == "status" else text


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{one_line(str(name))}={one_line(str(each))}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(one_line(str(each)) for each in value)
    return one_line(str(value))
