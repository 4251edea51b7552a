"""The parts of alerting that a worker and an API process share."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from flux_dispatch.channels.apart import ApartSenders, Rules
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.domain.alert_channel import CheckedUrl
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.condition import IS_OVER_BELOW, Condition, Seen
from flux_dispatch.domain.operations import Answering
from flux_dispatch.domain.own_event import Links
from flux_dispatch.domain.webhook_health import HealthPolicy
from flux_dispatch.engine.alert import GatherAlerts
from flux_dispatch.engine.alert_channels import AlertChannels
from flux_dispatch.engine.check_health import CheckHealth
from flux_dispatch.engine.flow.clock import DatabaseClock
from flux_dispatch.engine.notify import Notify
from flux_dispatch.engine.watch import Look, Watch
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.alert_channels import AlertChannelQueries, AlertChannelStore
from flux_dispatch.store.conditions import ConditionStore
from flux_dispatch.store.notifications import NotificationStore
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.operator_channels import OperatorChannels
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.unsent_alerts import UnsentAlertStore
from flux_dispatch.store.webhook_health import HealthStore
from workers.repeated import Repeated
from workers.wiring.shared import clock_of


def pace_of(settings: Settings) -> AlertPace:
    """Return how often a channel is told."""
    return AlertPace(
        gather=timedelta(seconds=settings.alert_gather_seconds),
        windows=tuple(timedelta(seconds=each) for each in settings.alert_windows),
        spacing=timedelta(seconds=settings.alert_spacing_seconds),
    )


def health_policy_of(settings: Settings) -> HealthPolicy:
    """Return when people are told that a webhook fails, and when it is disabled."""
    days = settings.disable_after_days
    return HealthPolicy(
        failing_after=timedelta(seconds=settings.alert_failing_seconds),
        disable_after=timedelta(days=days) if days else None,
    )


def links_of(settings: Settings) -> Links:
    """Return where the dashboard shows things: where the API listens, unless told."""
    host = "localhost" if settings.api_host in _EVERYWHERE else settings.api_host
    return Links(settings.public_url or f"http://{host}:{settings.api_port}")


def sender_of(settings: Settings) -> ChannelSender:
    """Return what sends to channels; no process is started before the first message."""
    rules = Rules(
        is_guarded=True,
        require_https=settings.require_https,
        allow=tuple(str(each) for each in settings.allow_networks),
        deny=tuple(str(each) for each in settings.deny_networks),
    )
    names = (settings.portal_name, "Flux Dispatch")
    return ChannelSender(ApartSenders(rules), ApartSenders(Rules(is_guarded=False)), links_of(settings), names)


def notification_store(
    settings: Settings, database: AsyncEngine, keyring: Keyring, *, operators_only: bool
) -> NotificationStore:
    """Return what makes and hands out messages."""
    operators = OperatorChannels(operator_channels(settings, keyring), settings.alert_kinds)
    seals = ChannelSeals(keyring)
    return NotificationStore(database, seals, operators, pace_of(settings), operators_only=operators_only)


def operator_channels(settings: Settings, keyring: Keyring) -> list[tuple[UUID, CheckedUrl]]:
    """Return the channels of FLUX_ALERT_URLS, each with an id that is the same wherever it is read."""
    key = keyring.derived_keys("alert channels")[-1]
    return [(_channel_id(key, each), CheckedUrl(each, _scheme(each), _target(each))) for each in settings.alert_urls]


@dataclass(frozen=True, slots=True)
class Alerting:
    """What a worker does so that people are told, and the processes that send."""

    alert: GatherAlerts
    notify: Notify
    check_health: CheckHealth
    watch: Watch
    channels: ChannelSender


def alerting_of(
    settings: Settings, database: AsyncEngine, keyring: Keyring, is_broker_reachable: Callable[[], bool]
) -> Alerting:
    """Return the verbs of a worker by which people are told."""
    pace, links, channels = pace_of(settings), links_of(settings), sender_of(settings)
    looks = worker_looks(settings, OperationsQueries(database), clock_of(database), is_broker_reachable)
    return Alerting(
        alert=GatherAlerts(UnsentAlertStore(database, pace), links),
        notify=Notify(notification_store(settings, database, keyring, operators_only=False), channels),
        check_health=CheckHealth(HealthStore(database, pace), health_policy_of(settings), links),
        watch=Watch(ConditionStore(database, "worker", pace), looks),
        channels=channels,
    )


def worker_looks(
    settings: Settings, operations: OperationsQueries, clock: DatabaseClock, is_broker_reachable: Callable[[], bool]
) -> list[Look]:
    """Return what a worker sees: what is late, how much is open, and whether Redis answers."""

    async def late() -> Seen:
        oldest = await operations.oldest_due()
        bound = timedelta(seconds=settings.alert_late_seconds)
        if oldest is None or await clock.now() - oldest.due_at < bound:
            return Seen(Condition.DELIVERIES_LATE, holds=False)
        says = f"{oldest.delivery} of {oldest.account} has been due since {oldest.due_at:%d %b %H:%M} UTC. {_MORE}"
        return Seen(Condition.DELIVERIES_LATE, holds=True, says=says)

    async def backlog() -> Seen:
        most = settings.alert_backlog
        found = await operations.backlog(most)
        if IS_OVER_BELOW * most <= found.total < most:
            return Seen(Condition.BACKLOG_HIGH, holds=None)
        return Seen(Condition.BACKLOG_HIGH, found.is_more, f"{most:,} deliveries or more are open. {_MORE}")

    async def broker() -> Seen:
        return _broker(await asyncio.to_thread(is_broker_reachable))

    return [late, backlog, broker]


def api_looks(workers: Callable[[], Answering | None], is_broker_reachable: Callable[[], bool]) -> list[Look]:
    """Return what a process of the API sees: whether any worker answers, which no worker could tell, and Redis."""

    async def no_workers() -> Seen:
        answering = workers()
        if answering is None or answering.workers is None or datetime.now(UTC) - answering.asked_at > _FRESH:
            return Seen(Condition.NO_WORKERS, holds=None)  # asked only now, or the broker took no question
        return Seen(Condition.NO_WORKERS, not answering.workers, _NO_WORKERS)

    async def broker() -> Seen:
        return _broker(await asyncio.to_thread(is_broker_reachable))

    return [no_workers, broker]


def alert_channels_of(
    settings: Settings, keyring: Keyring, writes: AsyncEngine, reads: AsyncEngine, sender: ChannelSender
) -> AlertChannels:
    """Return the verbs by which people say where they want to be told."""
    seals = ChannelSeals(keyring)
    store, urls = AlertChannelStore(writes, seals), AlertChannelQueries(reads, seals)
    return AlertChannels(store, urls, sender, clock_of(writes), most=settings.alert_channels_per_account)


def operators_notify(
    settings: Settings, keyring: Keyring, database: AsyncEngine, sender: ChannelSender
) -> Notify | None:
    """Return what a process of the API tells operators with, None where they do not want to be told."""
    if not settings.alert_urls:
        return None
    store = notification_store(settings, database, keyring, operators_only=True)
    return Notify(store, sender, idle_seconds=_IDLE_SECONDS)


@asynccontextmanager
async def telling_operators(
    settings: Settings, notify: Notify | None, database: AsyncEngine, looks: Sequence[Look]
) -> AsyncIterator[None]:
    """Tell operators what a process of the API sees, if they want to know; for no worker may be there to do it."""
    if notify is None:
        yield
        return
    watch = Watch(ConditionStore(database, "api", pace_of(settings)), looks)
    async with Repeated(notify.run_once, watch.run_once):
        yield
    await notify.stop()


def _broker(is_reachable: bool) -> Seen:  # noqa: FBT001 - it is what was found out
    return Seen(Condition.BROKER_DOWN, not is_reachable, _NO_BROKER)


def _channel_id(key: bytes, url: str) -> UUID:
    digest = hmac.digest(key, url.encode(), hashlib.sha256)
    return UUID(bytes=digest[:16])


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _target(url: str) -> str:
    """Return what may be shown of an operator's URL: its host, if that is the name of one."""
    host = url.partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return f"{_scheme(url)}://{host if '.' in host else '…'}"


_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - where it listens, which nobody can open
_FRESH = timedelta(minutes=1)
_IDLE_SECONDS = 2.0  # a process of the API looks for messages itself, and for nothing else
_MORE = "Operations says who works: more workers send more at once."
_NO_WORKERS = "Nothing is sent until one is started: `flux worker`. What is published meanwhile is stored."
_NO_BROKER = "Workers find in the database what is due, and send it somewhat later. Start Redis again."
