"""Pruning goes on while there is more, and comes back later when there is not."""

from flux_dispatch.engine.prune import BUSY_SECONDS, IDLE_SECONDS, PRUNE_BATCH_SIZE, Prune


class Rows:
    """A store that has so many old rows."""

    def __init__(self, old: int) -> None:
        self.old = old
        self.asked: list[int] = []

    async def prune(self, days: int, *, limit: int) -> int:
        self.asked.append(days)
        pruned = min(self.old, limit)
        self.old -= pruned
        return pruned


async def test_it_comes_again_at_once_while_pages_are_full() -> None:
    rows = Rows(2 * PRUNE_BATCH_SIZE + 1)
    prune = Prune(rows, retention_days=30)
    pauses = [await prune.run_once() for _ in range(4)]
    assert pauses == [BUSY_SECONDS, BUSY_SECONDS, IDLE_SECONDS, IDLE_SECONDS]
    assert (rows.old, set(rows.asked)) == (0, {30})
