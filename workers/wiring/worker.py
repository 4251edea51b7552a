"""The root of a worker process: its verbs, and what they work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from config.settings import Settings
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.engine.alert import SendAlerts
from flux_dispatch.engine.cancel import Cancel
from flux_dispatch.engine.deliver import Deliver, DeliverLimits
from flux_dispatch.engine.erase import Erase
from flux_dispatch.engine.fail import Fail
from flux_dispatch.engine.fan_out import FanOut
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.publish import Publish
from flux_dispatch.engine.recover import Recover
from flux_dispatch.engine.sweep import Sweep, Work
from flux_dispatch.http.limits import max_open_posts
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from flux_dispatch.store.cancel import CancelStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.erase import EraseStore
from flux_dispatch.store.event_types import EventTypeStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.publish import EventStore
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.session import Generation
from flux_dispatch.store.sweep import SweepStore
from workers.catalogue_schemas import CatalogueSchemas
from workers.celery_queue import CeleryQueue
from workers.failpoints import arm_from_environment
from workers.wiring.shared import address_policy_of, keyring_of, make_publish, open_databases, timing_of


@dataclass(frozen=True, slots=True)
class Verbs:
    """What a worker can do."""

    publish: Publish
    deliver: Deliver
    sweep: Sweep
    cancel: Cancel
    erase: Erase
    recover: Recover
    fail: Fail
    alert: SendAlerts


@asynccontextmanager
async def open_verbs(settings: Settings, queue: CeleryQueue, threads: int) -> AsyncIterator[Verbs]:
    """Open what a worker with so many threads needs, and close it at the end."""
    keyring = keyring_of(settings)
    arm_from_environment()
    timing = timing_of(settings)
    retry_policy = RetryPolicy.from_seconds(settings.retry_delays)
    database, engine_database = open_databases(settings, Generation())
    failures = FailureStore(database)
    schemas = CatalogueSchemas(EventTypeStore(engine_database))
    sender_limits = SenderLimits(timeout_seconds=settings.delivery_timeout)
    async with AiohttpSender(sender_limits, address_policy_of(settings)) as sender:
        limits = DeliverLimits(
            retry_policy=retry_policy,
            delivery_timeout=timedelta(seconds=settings.delivery_timeout),
            endpoint_concurrency=settings.endpoint_concurrency,
            max_waiting_messages=max(threads // 2, 1),
            max_in_flight=max_open_posts(),
        )
        deliveries = DeliveryStore(engine_database, timing, WebhookSeals(keyring))
        settler = Settler(deliveries, queue, timing.horizon)
        deliver = Deliver(deliveries, sender, settler, queue, limits)
        first_delay = retry_policy.delay_before(1)
        fan_out = FanOut(EventStore(engine_database, timing), queue, first_delay=first_delay, horizon=timing.horizon)
        yield Verbs(
            publish=make_publish(settings, engine_database, queue, schemas),
            deliver=deliver,
            sweep=Sweep(SweepStore(engine_database, timing), queue, settler, retry_policy, Work(deliver, fan_out)),
            cancel=Cancel(CancelStore(engine_database)),
            erase=Erase(EraseStore(engine_database)),
            recover=Recover(RecoverStore(engine_database, timing), queue),
            fail=Fail(failures, queue),
            alert=SendAlerts(failures),
        )
    await schemas.close()
    await engine_database.dispose()
    await database.dispose()
