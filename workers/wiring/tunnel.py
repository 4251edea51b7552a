"""The tunnel's part of an API process: its routes, and what they work with."""

import uuid
from urllib.parse import urlsplit

from aiohttp import web
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from config.redis_url import read_redis_url
from config.settings import Settings
from flux_dispatch.api.auth import ACCOUNT, AUTHENTICATOR, ActsFor, requires_scope
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.engine.resume import Resume
from flux_dispatch.store.resume import ResumeStore
from flux_dispatch.store.sealed_webhooks import WebhookSeals
from flux_dispatch.store.tunnel import TunnelStore
from flux_dispatch.tunnel import inbound, socket
from flux_dispatch.tunnel.carrier import READ_SECONDS, Carrier
from flux_dispatch.tunnel.tunnel import Tunnel, TunnelLimits
from workers.celery_queue import CeleryQueue
from workers.redis_client import open_redis
from workers.wiring.shared import timing_of


def make_tunnel(settings: Settings, database: AsyncEngine, seals: WebhookSeals, queue: CeleryQueue) -> Tunnel:
    """Return this process's end of the tunnel; it carries nothing before it is started."""
    broker = read_redis_url(settings.need_redis_url())
    reader = open_redis(broker, socket_timeout=READ_SECONDS + 2)
    # it keeps a connection for long, which a server or a proxy may close meanwhile; what is sent twice does no harm
    sender = open_redis(broker, retry=Retry(NoBackoff(), 1, (RedisConnectionError,)))
    carrier = Carrier(uuid.uuid4().hex, sender, reader)
    resume = Resume(ResumeStore(database, timing_of(settings)), queue)
    limits = TunnelLimits(settings.delivery_timeout, _other_host(settings))
    return Tunnel(carrier, TunnelStore(database, seals), resume, limits)


def add_tunnel(app: web.Application, tunnel: Tunnel) -> None:
    """Let the application serve the tunnel."""

    @requires_scope(Scope.WEBHOOKS_WRITE)
    async def serve_command(request: web.Request) -> web.StreamResponse:
        async def check_allowed() -> None:
            await request.app[AUTHENTICATOR].authenticate(request, Scope.WEBHOOKS_WRITE, ActsFor.ACCOUNT)

        return await tunnel.serve_command(request, request[ACCOUNT], check_allowed)

    async def stop(_: web.Application) -> None:
        tunnel.stop()

    app.router.add_get(socket.PATH, serve_command, allow_head=False)
    app.router.add_route("*", inbound.PATH, tunnel.serve_inbound)
    app.on_shutdown.append(stop)


def _other_host(settings: Settings) -> str | None:
    """Return the dashboard's host, where it is not that of sessions."""
    if settings.listen_url is None or settings.public_url is None:
        return None
    ours, theirs = (urlsplit(each).netloc.lower() for each in (settings.public_url, settings.listen_url))
    return ours if ours != theirs else None
