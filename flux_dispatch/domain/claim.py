"""A claim: the right to POST a delivery while the lease runs; it ends with a settlement or a release."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.domain.outcome import Attempt
from flux_dispatch.domain.retry import Decision


class Claim(NamedTuple):
    """One delivery that this worker, and no other, may POST now.

    `lease_token` fences its settlement: who lost the lease settles nothing. `attempt` is the 1-based number of this
    try, and `recovered_after` how many of the tries before it do not count for the retry policy. `wait_seconds` is how
    long it is still to wait until the delivery is due: a message may come a little early. `secrets` are those to sign
    with, newest first. `body` is one object for all claims of an event that were made together, and `bytes_held` is
    this one's part of it. One that `is_listen` goes to a listen session, through the tunnel.

    It is a tuple because one is made for each delivery, which takes a frozen dataclass twice as long.
    """

    delivery: DeliveryId
    event: EventId
    webhook: WebhookId
    account: AccountId
    lease_token: str
    attempt: int
    wait_seconds: float
    url: str
    secrets: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes
    bytes_held: int = 0
    recovered_after: int = 0
    is_listen: bool = False


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """What one claim statement returned; `at` is the database's clock when it ran, and it holds for `seconds`.

    `left_out` are those that could have been claimed, had the bodies of the others not weighed enough already.
    """

    at: datetime
    seconds: float
    claims: tuple[Claim, ...]
    left_out: tuple[DeliveryId, ...] = ()


class Settlement(NamedTuple):
    """The end of one attempt and what follows it, to be written by whoever still holds the lease_token."""

    account: AccountId
    delivery: DeliveryId
    lease_token: str
    attempt: Attempt
    decision: Decision


@dataclass(frozen=True, slots=True)
class Release:
    """A claimed delivery that goes back unsent; no attempt is spent.

    It comes again after the pause, or is parked (None) until its webhook has a place for it.
    """

    delivery: DeliveryId
    lease_token: str
    pause: timedelta | None


@dataclass(frozen=True, slots=True)
class ParkedWebhook:
    """A webhook for which deliveries are parked: they are due, and wait for a place among those that are in flight."""

    webhook: WebhookId
    account: AccountId
    is_enabled: bool
