"""The channels of operators: their URLs stand in the settings, and the database has a row for what became of each."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from flux_dispatch.domain.alert_channel import CheckedUrl
from flux_dispatch.store.alert_digests import forget_other_kinds

NOT_SET: Final = "not_in_settings"
"""Why a channel is disabled that FLUX_ALERT_URLS had once, and has not any more."""

# As everybody who has several of them in hand: in the order of their ids.
_LOCK = text("""
    SELECT id, service, failing_since,
           status = 'enabled' AS is_enabled,
           EXISTS (SELECT FROM notifications WHERE channel_id = alert_channels.id AND due_at IS NOT NULL)
           OR EXISTS (SELECT FROM alert_digests WHERE channel_id = alert_channels.id AND due_at IS NOT NULL)
           AS has_to_tell
    FROM alert_channels WHERE account_id IS NULL ORDER BY id FOR NO KEY UPDATE
""")
_REGISTER = text("""
    INSERT INTO alert_channels AS known (id, name, service, target, kinds)
    SELECT id, '', service, target, CAST(:kinds AS text[])
    FROM unnest(CAST(:ids AS uuid[]), CAST(:services AS text[]), CAST(:targets AS text[])) AS g (id, service, target)
    ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET kinds = excluded.kinds, service = excluded.service, target = excluded.target, status = 'enabled',
        disabled_reason = NULL, updated_at = flux_now(),
        failing_since = CASE WHEN known.status = 'enabled' THEN known.failing_since END,
        failures = CASE WHEN known.status = 'enabled' THEN known.failures ELSE 0 END
    WHERE known.status <> 'enabled' OR known.kinds <> excluded.kinds OR known.target <> excluded.target
""")
_DISABLE = text("""
    UPDATE alert_channels SET status = 'disabled', disabled_reason = :reason, compose_at = NULL, updated_at = flux_now()
    WHERE account_id IS NULL AND status = 'enabled' AND id <> ALL(CAST(:ids AS uuid[]))
""")
# A URL that is mended (a password, a host) is another channel: it tells what the one before it could not. It gets the
# windows, too, so that it is told no more often. Who is sending a message settles it: the lease is handed on with it,
# and that the attempts have begun anew says that the URL is another.
_HAND_ON: Final = (
    text("DELETE FROM alert_digests WHERE channel_id = :successor"),  # windows of when it was in the settings before
    text("""
        UPDATE notifications
        SET channel_id = :successor, attempts = 0, error = NULL,
            due_at = CASE WHEN lease_token IS NULL THEN flux_now() ELSE due_at END
        WHERE channel_id = :gone AND due_at IS NOT NULL
    """),
    text("UPDATE alert_digests SET channel_id = :successor WHERE channel_id = :gone"),
)
# of those that are new, or there again
_COMPOSE = text("""
    UPDATE alert_channels
    SET compose_at = (
        SELECT greatest(min(due_at), alert_channels.spaced_until) FROM alert_digests
        WHERE channel_id = alert_channels.id HAVING min(due_at) IS NOT NULL
    )
    WHERE id = ANY(CAST(:ids AS uuid[])) AND compose_at IS NULL
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
        """Write them down, as a part of the transaction that this connection is in.

        What a channel that is not in the settings any more has yet to tell is told by one that is new in them.
        """
        parameters = {
            "ids": list(self._channels),
            "services": [each.service for each in self._channels.values()],
            "targets": [each.target for each in self._channels.values()],
            "kinds": self._kinds,
        }
        known = (await connection.execute(_LOCK)).all()
        await connection.execute(_REGISTER, parameters)
        await connection.execute(_DISABLE, {"ids": list(self._channels), "reason": NOT_SET})
        for gone, successor in self._successors(known):
            for statement in _HAND_ON:
                await connection.execute(statement, {"gone": gone, "successor": successor})
        await forget_other_kinds(connection, list(self._channels), self._kinds)
        await connection.execute(_COMPOSE, {"ids": list(self._channels)})

    def _successors(self, known: Sequence[Row[Any]]) -> list[tuple[UUID, UUID]]:
        """Return each channel that is gone and has something to tell, with a new one: of its service, if there is."""
        not_new = {each.id for each in known if each.is_enabled or each.has_to_tell}
        left = [each for each in self._channels if each not in not_new]
        gone = [each for each in known if each.has_to_tell and each.id not in self._channels]
        pairs = []
        # the URL that was mended is that of one that fails
        for one in sorted(gone, key=lambda each: each.failing_since is None):
            if left:
                successor = min(left, key=lambda each: self._channels[each].service != one.service)
                left.remove(successor)
                pairs.append((one.id, successor))
        return pairs
