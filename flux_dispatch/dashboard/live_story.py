"""What the watchers of a topic were told: only what changed is written and sent, and who missed some gets that."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from flux_dispatch.dashboard.live_topics import Progress
from flux_dispatch.dashboard.live_watcher import Watcher

MAX_KEPT: Final = 100
"""How many changes are kept for those who come again; who missed more is told everything."""


@dataclass(frozen=True, slots=True)
class _Row:
    progress: Progress
    html: str


class Story:
    """A topic as its watchers know it; its messages are numbered, and named after this story."""

    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self._name = secrets.token_hex(4)
        self._number = 0
        self._rows: dict[str, _Row] | None = None
        self._changes: deque[tuple[int, bytes]] = deque(maxlen=MAX_KEPT)

    def join(self, watcher: Watcher, last_seen: str | None) -> None:
        """Tell a watcher what came after the message that it saw last; everything, if that is of another story."""
        self.watchers.add(watcher)
        if self._rows is None:
            return  # it is told with the others, once something is known
        missed = self._since(last_seen)
        for message in [self._everything(self._rows)] if missed is None else missed:
            watcher.tell(message)

    def go_on(self, found: Sequence[Progress], write: Callable[[Progress], str]) -> None:
        """Take what was found now, and tell all watchers what is new or has changed."""
        before = self._rows
        rows: dict[str, _Row] = {
            each.id: _kept((before or {}).get(each.id), each) or _Row(each, write(each)) for each in found
        }
        self._rows = rows
        if before is None:
            self._tell(self._everything(rows))
            return
        changed = [row for id_, row in rows.items() if before.get(id_) is not row]
        if not changed:
            return
        self._number += 1
        # between rows that have nothing in common there may have been others
        has_gap = bool(before) and not before.keys() & rows.keys()
        message = self._everything(rows) if has_gap else self._message("rows", changed)
        self._changes.append((self._number, message))
        self._tell(message)

    def _since(self, last_seen: str | None) -> list[bytes] | None:
        name, _, number = (last_seen or "").partition("-")
        if name != self._name or not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
            return None
        first = self._changes[0][0] if self._changes else self._number + 1
        if not first - 1 <= int(number) <= self._number:
            return None
        return [message for each, message in self._changes if each > int(number)]

    def _tell(self, message: bytes) -> None:
        for watcher in self.watchers:
            watcher.tell(message)

    def _everything(self, rows: dict[str, _Row]) -> bytes:
        return self._message("all", rows.values())

    def _message(self, kind: str, rows: Iterable[_Row]) -> bytes:
        lines = "\n".join(row.html for row in rows).splitlines()
        data = "\n".join(f"data: {line}" for line in lines if line) or "data:"
        return f"id: {self._name}-{self._number}\nevent: {kind}\n{data}\n\n".encode()


def _kept(row: _Row | None, progress: Progress) -> _Row | None:
    return row if row is not None and row.progress == progress else None


_DIGITS: Final = 12
