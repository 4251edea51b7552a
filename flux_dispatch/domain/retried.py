"""What somebody who asks for one more attempt finds: the delivery's state, and whether its webhook gets anything."""

from dataclasses import dataclass
from enum import Enum, auto

from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.ids import EventId, WebhookId


class Receiving(Enum):
    """Whether a webhook gets anything."""

    ENABLED = auto()
    DISABLED = auto()
    DELETED = auto()


@dataclass(frozen=True, slots=True)
class Retried:
    """A delivery as it was found; it was moved if its state and its webhook allow it.

    `attempt` is the 1-based number of its next attempt.
    """

    state: State
    event: EventId
    webhook: WebhookId
    receiving: Receiving
    attempt: int
    is_test: bool
    is_moved: bool
