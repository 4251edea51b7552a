"""The root of a worker process: its verbs, and what they work with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.engine.alert import GatherAlerts
from flux_dispatch.engine.cancel import Cancel
from flux_dispatch.engine.check_health import CheckHealth
from flux_dispatch.engine.deliver import Deliver, DeliverLimits
from flux_dispatch.engine.erase import Erase
from flux_dispatch.engine.expire import Expire
from flux_dispatch.engine.fail import Fail
from flux_dispatch.engine.fan_out import FanOut
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.notify import Notify
from flux_dispatch.engine.prune import Prune
from flux_dispatch.engine.recover import Recover
from flux_dispatch.engine.relay import Relay
from flux_dispatch.engine.roll_up import RollUp
from flux_dispatch.engine.sweep import Sweep, Work
from flux_dispatch.engine.watch import Watch
from flux_dispatch.http.limits import max_open_posts
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from flux_dispatch.store.audit_log import AuditLogStore
from flux_dispatch.store.cancel import CancelStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.erase import EraseStore
from flux_dispatch.store.event_types import EventTypeStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.listen_sessions import ListenSessionExpiry
from flux_dispatch.store.outbox import OutboxStore
from flux_dispatch.store.publish import EventStore
from flux_dispatch.store.recover import RecoverStore
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.session import Generation
from flux_dispatch.store.side_work import SideWorkQueries
from flux_dispatch.store.statistics import StatisticsStore
from flux_dispatch.store.sweep import SweepStore
from workers.catalogue_schemas import CatalogueSchemas
from workers.celery_queue import CeleryQueue
from workers.failpoints import arm_from_environment
from workers.tracing.traces import Publish, Traces
from workers.wiring.alerts import alerting_of, health_policy_of
from workers.wiring.shared import address_policy_of, keyring_of, make_publish, open_databases, timing_of, tunnel_way_of


@dataclass(frozen=True, slots=True)
class Verbs:
    """What a worker can do; the last two it works with, and they tell how it does."""

    publish: Publish
    deliver: Deliver
    sweep: Sweep
    cancel: Cancel
    erase: Erase
    expire: Expire
    prune: Prune
    recover: Recover
    relay: Relay
    roll_up: RollUp
    fail: Fail
    alert: GatherAlerts
    notify: Notify
    check_health: CheckHealth
    watch: Watch
    side_work: SideWorkQueries
    settler: Settler
    pools: Mapping[str, AsyncEngine]


@asynccontextmanager
async def open_verbs(settings: Settings, queue: CeleryQueue, threads: int, traces: Traces) -> AsyncIterator[Verbs]:
    """Open what a worker with so many threads needs, and close it at the end."""
    keyring = keyring_of(settings)
    arm_from_environment()
    timing = timing_of(settings)
    retry_policy = RetryPolicy.from_seconds(settings.retry_delays)
    database, engine_database = open_databases(settings, Generation())
    alerting = alerting_of(settings, database, keyring, queue.is_reachable)
    schemas = CatalogueSchemas(EventTypeStore(engine_database))
    async with _sender(settings) as sender:
        deliveries = DeliveryStore(engine_database, timing, WebhookSeals(keyring))
        settler = Settler(deliveries, queue, timing.horizon)
        limits = _limits(settings, retry_policy, threads)
        deliver = Deliver(deliveries, traces.sender(sender), settler, queue, limits)
        first_delay = retry_policy.delay_before(1)
        fan_out = FanOut(EventStore(engine_database, timing), queue, first_delay=first_delay, horizon=timing.horizon)
        outbox = traces.outbox(OutboxStore(engine_database, timing))
        yield Verbs(
            publish=traces.publish(make_publish(settings, engine_database, queue, schemas)),
            deliver=deliver,
            sweep=Sweep(SweepStore(engine_database, timing), queue, settler, retry_policy, Work(deliver, fan_out)),
            cancel=Cancel(CancelStore(engine_database)),
            erase=Erase(EraseStore(engine_database)),
            expire=Expire(ListenSessionExpiry(database), settings.listen_timeout),
            prune=Prune(AuditLogStore(database), retention_days=settings.audit_retention_days),
            recover=Recover(RecoverStore(engine_database, timing), queue),
            relay=Relay(outbox, queue, schemas, first_delay=first_delay, horizon=timing.horizon),
            roll_up=RollUp(StatisticsStore(engine_database, health_policy_of(settings).failing_after)),
            fail=Fail(FailureStore(database, disables_gone=settings.disable_on_gone), queue),
            alert=alerting.alert,
            notify=alerting.notify,
            check_health=alerting.check_health,
            watch=alerting.watch,
            side_work=SideWorkQueries(engine_database),
            settler=settler,
            pools={"engine": engine_database, "rare": database},
        )
    for end in (alerting.channels.close, schemas.close, engine_database.dispose, database.dispose):
        await end()


def _sender(settings: Settings) -> AiohttpSender:
    limits = SenderLimits(timeout_seconds=settings.delivery_timeout)
    return AiohttpSender(limits, address_policy_of(settings), tunnel=tunnel_way_of(settings))


def _limits(settings: Settings, retry_policy: RetryPolicy, threads: int) -> DeliverLimits:
    return DeliverLimits(
        retry_policy=retry_policy,
        delivery_timeout=timedelta(seconds=settings.delivery_timeout),
        endpoint_concurrency=settings.endpoint_concurrency,
        max_waiting_messages=max(threads // 2, 1),
        max_in_flight=max_open_posts(),
    )
