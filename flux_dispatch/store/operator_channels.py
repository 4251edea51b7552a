"""The channels of operators: their URLs stand in the settings, and the database has a row for what became of each."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from flux_dispatch.domain.alert_channel import CheckedUrl

NOT_SET: Final = "not_in_settings"
"""Why a channel is disabled that FLUX_ALERT_URLS had once, and has not any more."""

# As everybody who has several of them in hand: in the order of their ids.
_LOCK = text("SELECT FROM alert_channels WHERE account_id IS NULL ORDER BY id FOR NO KEY UPDATE")
_REGISTER = text("""
    INSERT INTO alert_channels AS known (id, name, service, target, kinds)
    SELECT id, '', service, target, CAST(:kinds AS text[])
    FROM unnest(CAST(:ids AS uuid[]), CAST(:services AS text[]), CAST(:targets AS text[])) AS g (id, service, target)
    ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET kinds = excluded.kinds, service = excluded.service, target = excluded.target, status = 'enabled',
        disabled_reason = NULL, updated_at = flux_now()
    WHERE known.status <> 'enabled' OR known.kinds <> excluded.kinds OR known.target <> excluded.target
""")
_DISABLE = text("""
    UPDATE alert_channels SET status = 'disabled', disabled_reason = :reason, compose_at = NULL, updated_at = flux_now()
    WHERE account_id IS NULL AND status = 'enabled' AND id <> ALL(CAST(:ids AS uuid[]))
""")


class OperatorChannels:
    """What FLUX_ALERT_URLS names.

    Args:
        channels: each URL with the id of its row, which tells nothing of the URL to who has not the key.
        kinds: what they are told of.
    """

    def __init__(self, channels: Sequence[tuple[UUID, CheckedUrl]], kinds: Sequence[str]) -> None:
        self._channels = dict(channels)
        self._kinds = list(kinds)

    def __bool__(self) -> bool:
        return bool(self._channels)

    def url_of(self, channel: UUID) -> str | None:
        """Return the URL of a channel; None when the settings have it not."""
        found = self._channels.get(channel)
        return found.url if found else None

    async def register(self, connection: AsyncConnection) -> None:
        """Write them down, as a part of the transaction that this connection is in."""
        parameters = {
            "ids": list(self._channels),
            "services": [each.service for each in self._channels.values()],
            "targets": [each.target for each in self._channels.values()],
            "kinds": self._kinds,
        }
        await connection.execute(_LOCK)
        await connection.execute(_REGISTER, parameters)
        await connection.execute(_DISABLE, {"ids": list(self._channels), "reason": NOT_SET})
