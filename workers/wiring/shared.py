"""What the processes share: how each opens its databases, and the verb that both have."""

from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.domain.timing import LEASE_MARGIN, Timing
from flux_dispatch.domain.trace import TraceLinks, TraceRatio
from flux_dispatch.engine.flow.clock import DatabaseClock
from flux_dispatch.engine.publish import Publish
from flux_dispatch.http.tunnel_way import TunnelWay
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.clock import database_now
from flux_dispatch.store.connect import Plans, open_database
from flux_dispatch.store.publish import EventStore
from flux_dispatch.store.session import Generation
from workers.catalogue_schemas import CatalogueSchemas
from workers.celery_queue import CeleryQueue


def open_databases(settings: Settings, generation: Generation) -> tuple[AsyncEngine, AsyncEngine]:
    """Open two pools: one for rare statements, and one whose generic plans serve those of every event and delivery."""
    url = settings.need_database_url()
    return open_database(url, generation=generation), open_database(url, plans=Plans.GENERIC, generation=generation)


def make_publish(settings: Settings, database: AsyncEngine, queue: CeleryQueue, schemas: CatalogueSchemas) -> Publish:
    """Return the verb that stores events."""
    timing = timing_of(settings)
    first_delay = RetryPolicy.from_seconds(settings.retry_delays).delay_before(1)
    return Publish(
        EventStore(database, timing),
        queue,
        clock_of(database),
        first_delay=first_delay,
        horizon=timing.horizon,
        schemas=schemas,
    )


def clock_of(database: AsyncEngine) -> DatabaseClock:
    """Return what tells the time as this database has it."""
    return DatabaseClock(partial(database_now, database))


def keyring_of(settings: Settings) -> Keyring:
    """Return the keys under which secrets are sealed.

    Raises:
        SettingsError: none is set.
    """
    return Keyring(settings.need_encryption_keys())


def timing_of(settings: Settings) -> Timing:
    """Return how long leases hold, and what is counted from them."""
    return Timing(lease=timedelta(seconds=settings.delivery_timeout) + LEASE_MARGIN)


def tunnel_origin(settings: Settings) -> str | None:
    """Return the URL below which those of listen sessions are, if the operator named one."""
    given = settings.listen_url or settings.public_url
    return None if given is None else urlsplit(given)._replace(netloc=urlsplit(given).netloc.lower()).geturl()


def tunnel_way_of(settings: Settings) -> TunnelWay:
    """Return where workers POST what goes to listen sessions."""
    return TunnelWay(tunnel_origin(settings), settings.listen_via_url)


def trace_links_of(settings: Settings) -> TraceLinks:
    """Return where the traces of events are looked at."""
    return TraceLinks(settings.trace_url, TraceRatio(settings.tracing_ratio if settings.tracing else 0))


def address_policy_of(settings: Settings) -> AddressPolicy:
    """Return which addresses customers may aim at."""
    return AddressPolicy(allow=settings.allow_networks, deny=settings.deny_networks)
