"""What `flux doctor` asks the database about itself, each in bounded time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.store.connect import connect

MOST_LOOKED_AT: Final = 10_000
"""How many of the newest webhooks tell under which keys secrets are sealed."""

_SERVER: Final = text("""
    SELECT current_setting('server_version') AS version, clock_timestamp() AS now,
           pg_database_size(current_database()) AS size
""")

# one byte says the form, four name the key
_SEALING_KEYS: Final = text("""
    SELECT DISTINCT encode(substring(sealed FROM 2 FOR 4), 'hex') AS key
    FROM (SELECT sealed_secrets FROM webhooks WHERE deleted_at IS NULL ORDER BY id DESC LIMIT :most) AS newest
    CROSS JOIN LATERAL unnest(newest.sealed_secrets) AS sealed
    UNION
    SELECT encode(substring(sealed_url FROM 2 FOR 4), 'hex')
    FROM (SELECT sealed_url FROM alert_channels WHERE sealed_url IS NOT NULL ORDER BY id DESC LIMIT :most) AS channels
""")


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server: its version, like 16.2, its clock, and how large our database is."""

    version: str
    now: datetime
    megabytes: int


class InstallationQueries:
    """Reads what there is to know of an installation.

    Args:
        database: one that gives a statement up after MAX_READ_SECONDS.
    """

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def server(self) -> Server:
        """Return what the server says of itself; it needs no schema."""
        async with connect(self._database) as connection:
            row = (await connection.execute(_SERVER)).one()
        return Server(str(row.version).partition(" ")[0], row.now, int(row.size) // 1_000_000)

    async def sealing_keys(self) -> frozenset[str]:
        """Return the names of the keys, in hex, under which secrets of webhooks and alert channels are sealed."""
        async with connect(self._database) as connection:
            rows = await connection.execute(_SEALING_KEYS, {"most": MOST_LOOKED_AT})
            return frozenset(str(row.key) for row in rows)
