"""The statements behind reseal for alert channels, whose URLs were always sealed, maybe under an older key."""

from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import made_with
from flux_dispatch.domain.errors import CannotUnseal
from flux_dispatch.domain.ids import Prefix, format_id, parse_id
from flux_dispatch.domain.webhook import Resealed
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import connect, transaction
from flux_dispatch.store.sealed_alert_channels import ChannelSeals
from flux_dispatch.store.tables import alert_channels

_IS_UNDER_OLDER = "substring(sealed_url FROM 1 FOR length(CAST(:head AS bytea))) <> CAST(:head AS bytea)"
_COUNT = text(f"SELECT count(*) FROM alert_channels WHERE {_IS_UNDER_OLDER}")  # noqa: S608 - a constant
_BATCH = text(f"""
    SELECT id, sealed_url FROM alert_channels
    WHERE id > CAST(:after AS uuid) AND {_IS_UNDER_OLDER}
    ORDER BY id LIMIT :limit FOR NO KEY UPDATE
""")  # noqa: S608 - as above


class ChannelResealStore:
    """Seals the URLs of channels that are under an older key."""

    def __init__(self, database: AsyncEngine, seals: ChannelSeals) -> None:
        self._database = database
        self._seals = seals

    async def end_plain(self) -> int:
        """Return how many channels are to be sealed; none is ever stored in plain text."""
        async with connect(self._database) as connection:
            count = int((await connection.execute(_COUNT, {"head": self._seals.head})).scalar_one())
        if count:
            async with transaction(self._database) as connection:
                await note(connection, Action.ENCRYPTION_KEY_ROTATED, None, changes=made_with(alert_channels=count))
        return count

    async def reseal(self, after: str | None, limit: int) -> Resealed | None:
        """Seal up to `limit` channels behind this one, in one transaction; None when none is left."""
        behind = parse_id(Prefix.ALERT_CHANNEL, after) if after else "0" * 32
        shut: list[str] = []
        async with transaction(self._database) as connection:
            parameters = {"after": behind, "limit": limit, "head": self._seals.head}
            rows = (await connection.execute(_BATCH, parameters)).all()
            for row in rows:
                try:
                    sealed = self._seals.seal(row.id, self._seals.unseal(row.id, row.sealed_url))
                except CannotUnseal:
                    shut.append(_public(row.id))
                else:
                    anew = update(alert_channels).where(alert_channels.c.id == row.id).values(sealed_url=sealed)
                    await connection.execute(anew)
        return Resealed(_public(rows[-1].id), len(rows) - len(shut), tuple(shut)) if rows else None


def _public(channel: UUID) -> str:
    return format_id(Prefix.ALERT_CHANNEL, channel.hex)
