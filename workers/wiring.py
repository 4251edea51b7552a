"""The one place that joins the parts: which store, sender and bell each verb works with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.http.sender import AiohttpSender, SenderLimits

from config.settings import Settings
from flux_dispatch.domain.retry import RetryTable
from flux_dispatch.engine.accept import Accept
from flux_dispatch.engine.alert import SendAlerts
from flux_dispatch.engine.deliver import Deliver, Rules
from flux_dispatch.engine.fail import Fail
from flux_dispatch.engine.plan import Plan
from flux_dispatch.store.accept import EventStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.plan import PlanStore
from flux_dispatch.store.timing import LEASE_MARGIN, Timing
from workers.bell import CeleryBell


@dataclass(frozen=True, slots=True)
class Verbs:
    """What a worker can do."""

    accept: Accept
    deliver: Deliver
    plan: Plan
    fail: Fail
    alert: SendAlerts


@asynccontextmanager
async def open_verbs(settings: Settings, bell: CeleryBell) -> AsyncIterator[Verbs]:
    """Open what a worker needs, and close it at the end."""
    timing = _timing(settings)
    table = RetryTable.from_seconds(settings.retry_delays)
    database = open_database(settings.need_database_url())
    failures = FailureStore(database)
    limits = SenderLimits(timeout_seconds=settings.delivery_timeout)
    async with AiohttpSender(limits, _address_policy(settings)) as sender:
        rules = Rules(table, settings.endpoint_concurrency, timing.horizon)
        deliver = Deliver(DeliveryStore(database, timing), sender, bell, rules)
        yield Verbs(
            accept=_accept(EventStore(database, timing), bell, table),
            deliver=deliver,
            plan=Plan(PlanStore(database, timing), bell, deliver.settle, table),
            fail=Fail(failures, bell),
            alert=SendAlerts(failures),
        )
    await database.dispose()


def _accept(events: EventStore, bell: CeleryBell, table: RetryTable) -> Accept:
    return Accept(events, bell, first_delay=table.delay_before(1))


def _timing(settings: Settings) -> Timing:
    return Timing(lease=timedelta(seconds=settings.delivery_timeout) + LEASE_MARGIN)


def _address_policy(settings: Settings) -> AddressPolicy:
    return AddressPolicy(allow=settings.allow_networks, deny=settings.deny_networks)
