"""The root of an API process: the application, and what its routes work with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from celery import Celery
from sqlalchemy.ext.asyncio import AsyncEngine

from config.celeryconfig import celery_settings, forget_foreign_settings
from config.settings import Settings
from flux_dispatch.api.app import make_app
from flux_dispatch.api.dependencies import Dependencies
from flux_dispatch.engine.webhooks import Webhooks
from flux_dispatch.store.accounts import AccountStore
from flux_dispatch.store.alerts import AlertQueries, AlertStore
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import Plans, open_database, trouble_of
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.pages import MAX_READ_SECONDS
from flux_dispatch.store.session import Generation
from flux_dispatch.store.statistics import StatisticsQueries
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from workers.celery_queue import CeleryQueue
from workers.failpoints import arm_from_environment
from workers.process_limits import tune_gc
from workers.redis_client_reuse import share_redis_clients
from workers.wiring.shared import address_policy_of, make_publish, open_databases

KEY_CONNECTIONS = 3
"""A key is asked for once in three seconds, by its digest."""


@asynccontextmanager
async def api_application(settings: Settings) -> AsyncIterator[web.Application]:
    """Open what the API needs, and close it at the end."""
    arm_from_environment()
    forget_foreign_settings()
    share_redis_clients()
    app = Celery("flux-api")
    app.config_from_object(celery_settings(settings.need_redis_url()))
    queue = CeleryQueue(app)
    generation = Generation()
    database, engine_database = open_databases(settings, generation)
    # apart, so that however many lists are asked for, a key is checked and an event stored at once
    url = settings.need_database_url()
    reads = open_database(url, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS, generation=generation)
    keys = open_database(url, pool_size=KEY_CONNECTIONS, generation=generation)
    tune_gc()
    yield make_app(
        Dependencies(
            publish=make_publish(settings, engine_database, queue),
            webhooks=Webhooks(
                WebhookStore(database),
                address_policy_of(settings),
                require_https=settings.require_https,
                most=settings.webhooks_per_account,
            ),
            webhook_queries=WebhookQueries(reads),
            event_queries=EventQueries(reads),
            delivery_queries=DeliveryQueries(reads),
            alert_queries=AlertQueries(reads),
            alerts=AlertStore(database),
            statistics_queries=StatisticsQueries(reads),
            api_keys=ApiKeyStore(keys),
            accounts=AccountStore(keys),
            check_readiness=lambda: _check_readiness(database, queue),
            max_body_bytes=settings.max_body_bytes,
        )
    )
    await asyncio.to_thread(queue.close)
    for each in (engine_database, database, reads, keys):
        await each.dispose()


async def _check_readiness(database: AsyncEngine, queue: CeleryQueue) -> dict[str, str | None]:
    redis = None if await asyncio.to_thread(queue.is_reachable) else "does not answer"
    return {"database": await trouble_of(database), "redis": redis}
