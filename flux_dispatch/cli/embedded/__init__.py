"""Real PostgreSQL and Redis servers out of wheels, for one machine without anything installed: `flux up` and the tests.

Production never comes here: it is given FLUX_DATABASE_URL and FLUX_REDIS_URL. Of the wheels only the servers' programs
are used; their modules are never loaded.
"""

from flux_dispatch.cli.embedded.missing import ServerUnavailable
from flux_dispatch.cli.embedded.postgres import EmbeddedPostgres
from flux_dispatch.cli.embedded.redis import RedisCommand, free_port, redis_command

__all__ = ["EmbeddedPostgres", "RedisCommand", "ServerUnavailable", "free_port", "redis_command"]
