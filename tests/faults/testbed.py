"""The testbed that a fault is tried on: an installation on servers of its own, its receiver and its publisher."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.domain.timing import GRACE, LEASE_MARGIN
from tests.faults.channels import Channel
from tests.faults.publisher import Publisher
from tests.faults.servers import Broker, Database
from tests.support.installation import Installation, Process
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually

SETTINGS = {"FLUX_RETRY_DELAYS": "0,1,2,3,4", "FLUX_DELIVERY_TIMEOUT": "2"}
OUTAGE_SECONDS = 6.0
LEASE_SECONDS = float(SETTINGS["FLUX_DELIVERY_TIMEOUT"]) + LEASE_MARGIN.total_seconds()
GRACE_SECONDS = GRACE.total_seconds()
"""How late a delivery is before the sweeper looks for it: what comes sooner was brought by a message."""


@dataclass(frozen=True)
class Conditions:
    """What a fault is tried under.

    `pause_seconds` lie between two events; `is_alone` has the publisher wait, too, until the event before is delivered.
    `outage_seconds` is how long what is unavailable stays so. Every choice left to chance follows from `seed`.
    """

    seed: str
    pause_seconds: float = 0.01
    is_alone: bool = False
    outage_seconds: float = OUTAGE_SECONDS


@dataclass
class Testbed:
    """Everything that a fault needs, and what it must tell the checker."""

    broker: Broker
    database: Database
    installation: Installation
    receiver: Receiver
    publisher: Publisher
    random: Random
    outage_seconds: float
    kept: ExitStack
    """What must stay until all has drained and the processes have ended."""
    hooks: dict[str, float] = field(default_factory=dict)
    """Webhooks that want every event, by id: the wall-clock time from which on an event must reach it."""
    own_events: set[str] = field(default_factory=set)
    """Events that the fault made itself; the publisher knows nothing of them."""
    channels: list[Channel] = field(default_factory=list)
    """Who is to be told of what fails."""
    calm_since: float | None = None
    """Wall-clock time from which on nothing was wrong; None for a fault."""
    over_at: float | None = None
    """Wall-clock time at which the fault was over: what was unavailable is back, what died is replaced."""

    def two_workers(self) -> tuple[Process, Process]:
        """Start two workers."""
        return self.installation.start_worker(), self.installation.start_worker()

    def webhook(self, path: str, *events: str) -> dict[str, Any]:
        """Create a webhook at this path of the receiver; without patterns it wants every event."""
        made = self.installation.webhook(self.receiver.url + path, *events)
        self.publisher.secrets.append(made["secret"])
        if not events:
            self.hooks[made["id"]] = time.time()
        return made

    def note_end_of_fault(self) -> None:
        """Note that from now on only its consequences are left."""
        self.over_at = time.time()

    def is_over(self) -> bool:
        """Say whether nothing is owed any more, and nothing is left to be told."""
        return bool(self.installation.rows(_IS_OVER))

    def wait_for_arrivals(self, count: int) -> None:
        """Wait until so many more requests have come."""
        goal = len(self.receiver.requests) + count
        eventually(lambda: len(self.receiver.requests) >= goal, f"{count} more requests arrive", 60)

    def wait_for_acknowledged(self, count: int) -> None:
        """Wait until so many more events are acknowledged."""
        goal = len(self.publisher.acknowledged) + count
        eventually(lambda: len(self.publisher.acknowledged) >= goal, f"{count} more events are acknowledged", 60)

    def wait_until_messages_bring_deliveries(self) -> None:
        """Wait until an event that is published from now on arrives sooner than the sweeper would have found it."""
        now = time.time()

        def came_by_message(request: Request) -> bool:
            return published_at(request.event) > now and request.at - published_at(request.event) < GRACE_SECONDS / 2

        eventually(lambda: any(map(came_by_message, self.receiver.requests[-50:])), "messages bring deliveries", 20)


_IS_OVER = """
    SELECT WHERE NOT EXISTS (SELECT FROM deliveries WHERE sweep_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM webhook_tallies)
        AND NOT EXISTS (SELECT FROM webhook_health WHERE check_at < now() + interval '1 minute')
        AND NOT EXISTS (SELECT FROM alerts WHERE sent_at IS NULL)
        AND NOT EXISTS (SELECT FROM alert_digests WHERE due_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM notifications WHERE due_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM outbox)
"""


def published_at(event: str) -> float:
    """Return the wall-clock time that an event's id was made at; it is a UUID of version 7."""
    return int(parse_id(Prefix.EVENT, event)[:12], 16) / 1000


def answer(request: Request) -> int:
    """Refuse the first attempt of the events that ask for it, so that retries are always among what a fault meets."""
    return 500 if request.attempt == 1 and json.loads(request.body)["data"].get("is_refused_once") else 200


@contextmanager
def testbed(broker: Broker, database: Database, directory: Path, under: Conditions) -> Iterator[Testbed]:
    """Prepare for one fault: an empty database, an empty broker, an API, a receiver with a webhook, a publisher."""
    broker.refresh()
    url = database.fresh(f"flux_{uuid.uuid4().hex[:12]}")
    directory.mkdir(parents=True)
    with (
        ExitStack() as kept,
        Installation(url, broker.url, directory, dict(SETTINGS)) as installation,
        Receiver(answer) as receiver,
    ):
        installation.start_api()
        publisher = Publisher(
            api_url=lambda: installation.api_url,
            key=installation.key,
            pause_seconds=under.pause_seconds,
            is_my_turn=installation.is_drained if under.is_alone else lambda: True,
            random=Random(under.seed + " publisher"),  # noqa: S311 - repeatable, not secret
        )
        choices = Random(under.seed)  # noqa: S311 - as above
        made = Testbed(broker, database, installation, receiver, publisher, choices, under.outage_seconds, kept)
        made.webhook("/hook")
        with publisher:
            yield made
