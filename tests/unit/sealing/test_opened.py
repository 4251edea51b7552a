"""Opened values are remembered within bounds, by their row and by how they are sealed."""

from uuid import UUID

import pytest

from flux_dispatch.sealing.opened import Opened

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_a_value_is_opened_once_for_each_row_and_sealing() -> None:
    asked: list[tuple[UUID, bytes]] = []

    def open_value(row: UUID, sealed: bytes) -> str:
        asked.append((row, sealed))
        return f"{row.int} {sealed.decode()}"

    opened = Opened(open_value, 1000)
    assert [opened.get(ONE, b"a"), opened.get(ONE, b"a"), opened.get(ONE, b"b")] == ["1 a", "1 a", "1 b"]
    assert opened.get(OTHER, b"a") == "2 a", "moved to another row it is opened there, which fails"
    assert asked == [(ONE, b"a"), (ONE, b"b"), (OTHER, b"a")]


def test_no_more_is_remembered_than_the_bound() -> None:
    asked: list[bytes] = []
    opened = Opened(lambda _, sealed: asked.append(sealed) or "value", 30)
    for sealed in (b"a" * 10, b"b" * 10, b"c" * 10, b"d" * 10, b"d" * 10, b"a" * 10, b"e" * 100, b"f"):
        assert opened.get(ONE, sealed) == "value"
    assert [each[:1] for each in asked] == [b"a", b"b", b"c", b"d", b"a", b"e", b"f"]
    assert opened._bytes == sum(len(sealed) for _, sealed in opened._values) <= 30


def test_what_fails_is_not_remembered() -> None:
    opened = Opened[str](lambda *_: 1 / 0, 30)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            opened.get(ONE, b"a")
