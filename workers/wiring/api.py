"""The root of an API process: the application, and what its routes work with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from aiohttp import web
from celery import Celery
from sqlalchemy.ext.asyncio import AsyncEngine

from config.celeryconfig import celery_settings, forget_foreign_settings
from config.redis_url import read_redis_url
from config.settings import Settings
from flux_dispatch.api.app import make_app
from flux_dispatch.api.auth import AUTHENTICATOR, Authenticator
from flux_dispatch.api.cursors import Cursors
from flux_dispatch.api.dependencies import Dependencies
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.dashboard.app import entrance, make_dashboard
from flux_dispatch.dashboard.dependencies import Appearance
from flux_dispatch.dashboard.dependencies import Dependencies as DashboardDependencies
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.engine.event_types import EventTypes
from flux_dispatch.engine.export_audit_log import ExportAuditLog
from flux_dispatch.engine.flow.read_limit import ReadLimit
from flux_dispatch.engine.listen_sessions import ListenSessions
from flux_dispatch.engine.recoveries import Recoveries
from flux_dispatch.engine.resend import Resend
from flux_dispatch.engine.retry import Retry
from flux_dispatch.engine.send_test import SendTest
from flux_dispatch.engine.webhooks import Webhooks
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alert_channels import AlertChannelQueries
from flux_dispatch.store.alerts import AlertQueries, AlertStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.audit_log import AuditLogQueries, AuditLogStore
from flux_dispatch.store.connect import Plans, open_database, trouble_of
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.event_types import EventTypeQueries, EventTypeStore
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.listen_sessions import ListenSessionQueries, ListenSessionStore
from flux_dispatch.store.live import LiveQueries
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.overview import OverviewQueries
from flux_dispatch.store.pages import MAX_READ_SECONDS
from flux_dispatch.store.portal_links import PortalLinkStore
from flux_dispatch.store.recoveries import MissedQueries, RecoveryQueries, RecoveryStore
from flux_dispatch.store.resend import ResendStore
from flux_dispatch.store.retry import RetryStore
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.send_test import SendTestStore
from flux_dispatch.store.session import Generation
from flux_dispatch.store.statistics import StatisticsQueries
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from flux_dispatch.tunnel.tunnel import Tunnel
from workers.catalogue_schemas import CatalogueSchemas
from workers.celery_queue import CeleryQueue
from workers.failpoints import arm_from_environment
from workers.process_limits import tune_gc
from workers.redis_client_reuse import share_redis_clients
from workers.redis_counter import RedisCounter
from workers.tracing.open import open_traces
from workers.tracing.traces import Traces
from workers.wiring.alerts import alert_channels_of, api_looks, operators_notify, sender_of, telling_operators
from workers.wiring.api_metrics import ApiParts, api_metrics
from workers.wiring.shared import (
    address_policy_of,
    clock_of,
    keyring_of,
    make_publish,
    open_databases,
    timing_of,
    trace_links_of,
    tunnel_origin,
)
from workers.wiring.tunnel import add_tunnel, make_tunnel
from workers.worker_ping import WorkerPing

KEY_CONNECTIONS = 3
"""A key is asked for once in three seconds, by its digest; what else is asked of keys and accounts is rare."""


@asynccontextmanager
async def api_application(settings: Settings) -> AsyncIterator[web.Application]:
    """Open what the API needs, and close it at the end."""
    keyring = keyring_of(settings)
    arm_from_environment()
    broker = _open_broker(settings)
    queue, workers, channels = CeleryQueue(broker), WorkerPing(broker), sender_of(settings)
    counter = RedisCounter(read_redis_url(settings.need_redis_url()))
    pools = _open_pools(settings)
    schemas = CatalogueSchemas(EventTypeStore(pools.publish))
    tune_gc()
    tunnel = make_tunnel(settings, pools.writes, WebhookSeals(keyring), queue)
    ends = (channels.close, schemas.close, counter.close, workers.close, partial(asyncio.to_thread, queue.close))
    async with _closing(*ends, *(each.dispose for each in pools)), open_traces(settings, "flux-api") as traces:
        dependencies = _dependencies(
            settings, keyring, pools, _Beside(queue, counter, schemas, tunnel, traces, channels)
        )
        app = make_app(dependencies)
        traces.requests(app)
        add_tunnel(app, tunnel)
        app.add_routes(entrance)
        parts = _dashboard_dependencies(settings, pools, dependencies, workers, app[AUTHENTICATOR])
        app.add_subapp(ROOT, make_dashboard(parts))
        notify = operators_notify(settings, keyring, pools.writes, channels)
        measured = ApiParts(dependencies, pools._asdict(), queue, workers, tunnel.connections, notify)
        async with (
            _carrying(tunnel, dependencies.listen_sessions),
            api_metrics(settings, app, measured),
            telling_operators(settings, notify, pools.writes, api_looks(workers, queue.is_reachable)),
        ):
            yield app


class _Pools(NamedTuple):
    """Connections apart, so that however many lists are asked for, a key is checked and an event stored at once."""

    writes: AsyncEngine
    publish: AsyncEngine
    reads: AsyncEngine
    keys: AsyncEngine


class _Beside(NamedTuple):
    """What routes work with beside the database."""

    queue: CeleryQueue
    counter: RedisCounter
    schemas: CatalogueSchemas
    tunnel: Tunnel
    traces: Traces
    channels: ChannelSender


@asynccontextmanager
async def _closing(*closes: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call these at the end, also of a process that could not begin: it would hang on what it has open."""
    try:
        yield
    finally:
        for close in closes:
            await close()


@asynccontextmanager
async def _carrying(tunnel: Tunnel, sessions: ListenSessions) -> AsyncIterator[None]:
    """Have the tunnel carry, until the end."""
    tunnel.start(sessions.end)
    try:
        yield
    finally:
        await tunnel.close()


def _open_pools(settings: Settings) -> _Pools:
    generation = Generation()
    writes, publish = open_databases(settings, generation)
    url = settings.need_database_url()
    reads = open_database(url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS, generation=generation)
    keys = open_database(url, pool_size=KEY_CONNECTIONS, generation=generation)
    return _Pools(writes, publish, reads, keys)


def _dependencies(settings: Settings, keyring: Keyring, pools: _Pools, beside: _Beside) -> Dependencies:
    queue, counter, schemas, tunnel, traces, channels = beside
    seals, timing = WebhookSeals(keyring), timing_of(settings)
    webhook_queries = WebhookQueries(pools.reads, seals)
    audit_log_queries = AuditLogQueries(pools.reads)
    # one for the API and the pages: an account has the same places however it reads
    read_limit = ReadLimit()
    return Dependencies(
        publish=traces.publish(make_publish(settings, pools.publish, queue, schemas)),
        retry=Retry(RetryStore(pools.writes, timing), queue),
        resend=Resend(ResendStore(pools.writes, timing), webhook_queries, queue),
        recoveries=Recoveries(RecoveryStore(pools.writes), MissedQueries(pools.reads), clock_of(pools.writes)),
        webhooks=_webhooks(settings, pools, seals),
        send_test=_send_test(settings, pools, webhook_queries, queue, traces),
        webhook_queries=webhook_queries,
        event_queries=EventQueries(pools.reads),
        event_types=EventTypes(EventTypeStore(pools.writes), EventTypeQueries(pools.writes), schemas),
        event_type_queries=EventTypeQueries(pools.reads),
        delivery_queries=DeliveryQueries(pools.reads),
        alert_queries=AlertQueries(pools.reads),
        alerts=AlertStore(pools.writes),
        alert_channels=alert_channels_of(settings, keyring, pools.writes, pools.reads, channels),
        alert_channel_queries=AlertChannelQueries(pools.reads, ChannelSeals(keyring)),
        statistics_queries=StatisticsQueries(pools.reads),
        recovery_queries=RecoveryQueries(pools.reads),
        cursors=Cursors(keyring.derived_keys("cursors")),
        listen_sessions=_listen_sessions(settings, ListenSessionStore(pools.writes, seals), tunnel),
        listen_session_queries=ListenSessionQueries(pools.reads),
        api_keys=ApiKeyStore(pools.keys),
        accounts=AccountStore(pools.keys),
        portal_links=PortalLinkStore(pools.keys),
        audit_log_queries=audit_log_queries,
        export_audit_log=ExportAuditLog(AuditLogStore(pools.writes), audit_log_queries, read_limit),
        counter=counter,
        read_limit=read_limit,
        check_readiness=lambda: _check_readiness(pools.publish, queue),
        max_body_bytes=settings.max_body_bytes,
        public_url=settings.public_url,
        trusted_proxies=settings.trusted_proxies,
    )


def _dashboard_dependencies(
    settings: Settings, pools: _Pools, api: Dependencies, workers: WorkerPing, authenticator: Authenticator
) -> DashboardDependencies:
    """Return what the pages work with: what the API does, and what they alone read."""
    shared = {each.name for each in fields(DashboardDependencies)} & {each.name for each in fields(Dependencies)}
    return DashboardDependencies(
        **{name: getattr(api, name) for name in shared},
        sessions=DashboardSessionStore(pools.keys),
        audit_log=AuditLogStore(pools.keys),
        forget_key=authenticator.forget_key,
        overview_queries=OverviewQueries(pools.reads),
        operations_queries=OperationsQueries(pools.reads),
        live_queries=LiveQueries(pools.reads),
        workers=workers,
        appearance=Appearance(settings.portal_name, settings.portal_accent, settings.portal_frame_origins),
        flower_url=settings.flower_url,
        trace_links=trace_links_of(settings),
        max_form_bytes=settings.max_body_bytes,
    )


def _webhooks(settings: Settings, pools: _Pools, seals: WebhookSeals) -> Webhooks:
    return Webhooks(
        WebhookStore(pools.writes, seals),
        address_policy_of(settings),
        require_https=settings.require_https,
        most=settings.webhooks_per_account,
        own_url=settings.public_url,
    )


def _send_test(
    settings: Settings, pools: _Pools, webhook_queries: WebhookQueries, queue: CeleryQueue, traces: Traces
) -> SendTest:
    timeout = timedelta(seconds=settings.delivery_timeout)
    tests, clock = traces.tests(SendTestStore(pools.writes, timing_of(settings))), clock_of(pools.writes)
    return SendTest(tests, webhook_queries, EventTypeQueries(pools.reads), queue, clock, delivery_timeout=timeout)


def _listen_sessions(settings: Settings, store: ListenSessionStore, tunnel: Tunnel) -> ListenSessions:
    most = settings.listen_sessions_per_account
    return ListenSessions(store, tunnel, origin=tunnel_origin(settings), most=most)


def _open_broker(settings: Settings) -> Celery:
    forget_foreign_settings()
    share_redis_clients()
    app = Celery("flux-api")
    app.config_from_object(celery_settings(settings.need_redis_url()))
    return app


async def _check_readiness(database: AsyncEngine, queue: CeleryQueue) -> dict[str, str | None]:
    redis = None if await asyncio.to_thread(queue.is_reachable) else "does not answer"
    return {"database": await trouble_of(database), "redis": redis}
