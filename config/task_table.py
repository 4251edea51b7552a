"""Every task: its queue, and what its messages are about; a new task is one line here, and its verb."""

from dataclasses import dataclass
from typing import Final

TASK_PREFIX: Final = "flux."
"""All our tasks' names begin so."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task; `noun` and `nouns` say in Flower what the ids in its message are of."""

    verb: str
    queue: str
    noun: str
    nouns: str

    @property
    def name(self) -> str:
        """As Celery knows it."""
        return TASK_PREFIX + self.verb


TASKS: Final = {
    row.name: row
    for row in (
        TaskRow("publish", "ingest", "event", "events"),
        TaskRow("deliver", "deliver", "delivery", "deliveries"),
        TaskRow("fail", "control", "delivery", "deliveries"),
        TaskRow("alert", "control", "alert", "alerts"),
    )
}
