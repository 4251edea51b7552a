"""The one place that joins the parts: which store, sender and bell each verb works with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from aiohttp import web
from celery import Celery
from sqlalchemy.ext.asyncio import AsyncEngine

from config.celeryconfig import celery_settings, forget_foreign_settings
from config.settings import Settings
from flux_dispatch.api.app import make_app
from flux_dispatch.api.parts import ApiParts
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.engine.accept import Accept
from flux_dispatch.engine.alert import SendAlerts
from flux_dispatch.engine.cancel import Cancel
from flux_dispatch.engine.deliver import Deliver, Rules
from flux_dispatch.engine.fail import Fail
from flux_dispatch.engine.fan_out import FanOut
from flux_dispatch.engine.flow.clock import DatabaseClock
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.plan import Plan, Work
from flux_dispatch.engine.subscribe import Subscribe
from flux_dispatch.http.limits import max_open_posts
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from flux_dispatch.store.accept import EventStore
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.cancel import CancelStore
from flux_dispatch.store.clock import database_now
from flux_dispatch.store.connect import Plans, open_database, trouble_of
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.keys import KeyStore
from flux_dispatch.store.plan import PlanStore
from flux_dispatch.store.reads import MAX_READ_SECONDS, Reads
from flux_dispatch.store.session import Generation
from flux_dispatch.store.timing import LEASE_MARGIN, Timing
from flux_dispatch.store.webhooks import WebhookStore
from workers.bell import CeleryBell
from workers.failpoints import arm_from_environment
from workers.redis_client_reuse import share_redis_clients

KEY_CONNECTIONS = 3
"""A key is asked for once in three seconds, by its digest."""


@dataclass(frozen=True, slots=True)
class Verbs:
    """What a worker can do."""

    accept: Accept
    deliver: Deliver
    plan: Plan
    cancel: Cancel
    fail: Fail
    alert: SendAlerts


@asynccontextmanager
async def open_verbs(settings: Settings, bell: CeleryBell, threads: int) -> AsyncIterator[Verbs]:
    """Open what a worker with so many threads needs, and close it at the end."""
    arm_from_environment()
    timing = _timing(settings)
    table = RetryPolicy.from_seconds(settings.retry_delays)
    database, hot = _databases(settings, Generation())
    failures = FailureStore(database)
    limits = SenderLimits(timeout_seconds=settings.delivery_timeout)
    async with AiohttpSender(limits, _address_policy(settings)) as sender:
        rules = Rules(
            table=table,
            longest_post=timedelta(seconds=settings.delivery_timeout),
            endpoint_concurrency=settings.endpoint_concurrency,
            most_waiting=max(threads // 2, 1),
            max_in_flight=max_open_posts(),
        )
        deliveries = DeliveryStore(hot, timing)
        settler = Settler(deliveries, bell, timing.horizon)
        deliver = Deliver(deliveries, sender, settler, bell, rules)
        first_delay = table.delay_before(1)
        fan_out = FanOut(EventStore(hot, timing), bell, first_delay=first_delay, horizon=timing.horizon)
        yield Verbs(
            accept=_accept(settings, hot, bell),
            deliver=deliver,
            plan=Plan(PlanStore(hot, timing), bell, settler, table, Work(deliver, fan_out)),
            cancel=Cancel(CancelStore(hot)),
            fail=Fail(failures, bell),
            alert=SendAlerts(failures),
        )
    await hot.dispose()
    await database.dispose()


@asynccontextmanager
async def api_application(settings: Settings) -> AsyncIterator[web.Application]:
    """Open what the API needs, and close it at the end."""
    arm_from_environment()
    forget_foreign_settings()
    share_redis_clients()
    app = Celery("flux-api")
    app.config_from_object(celery_settings(settings.need_redis_url()))
    bell = CeleryBell(app)
    generation = Generation()
    database, hot = _databases(settings, generation)
    # apart, so that however many lists are asked for, a key is checked and an event accepted at once
    url = settings.need_database_url()
    reads = open_database(url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS, generation=generation)
    keys = open_database(url, pool_size=KEY_CONNECTIONS, generation=generation)
    webhooks = WebhookStore(database)
    yield make_app(
        ApiParts(
            publish=_accept(settings, hot, bell),
            subscribe=Subscribe(
                webhooks,
                _address_policy(settings),
                require_https=settings.require_https,
                most=settings.webhooks_per_account,
            ),
            reads=Reads(reads),
            keys=KeyStore(keys),
            accounts=AccountStore(keys),
            check_parts=lambda: _check_parts(database, bell),
            max_body_bytes=settings.max_body_bytes,
        )
    )
    await asyncio.to_thread(bell.close)
    for each in (hot, database, reads, keys):
        await each.dispose()


def _databases(settings: Settings, generation: Generation) -> tuple[AsyncEngine, AsyncEngine]:
    """Open the database twice: for what is asked now and then, and for what is asked all the time."""
    url = settings.need_database_url()
    return open_database(url, generation=generation), open_database(url, plans=Plans.GENERIC, generation=generation)


async def _check_parts(database: AsyncEngine, bell: CeleryBell) -> dict[str, str | None]:
    redis = None if await asyncio.to_thread(bell.answers) else "does not answer"
    return {"database": await trouble_of(database), "redis": redis}


def _accept(settings: Settings, database: AsyncEngine, bell: CeleryBell) -> Accept:
    timing = _timing(settings)
    first_delay = RetryPolicy.from_seconds(settings.retry_delays).delay_before(1)
    clock = DatabaseClock(partial(database_now, database))
    return Accept(EventStore(database, timing), bell, clock, first_delay=first_delay, horizon=timing.horizon)


def _timing(settings: Settings) -> Timing:
    return Timing(lease=timedelta(seconds=settings.delivery_timeout) + LEASE_MARGIN)


def _address_policy(settings: Settings) -> AddressPolicy:
    return AddressPolicy(allow=settings.allow_networks, deny=settings.deny_networks)
