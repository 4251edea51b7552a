"""The statements by which channels get something to tell: counted up in the transaction in which it happened."""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from flux_dispatch.domain.alert import Occurrence
from flux_dispatch.domain.alert_channel import ENDINGS, HAVE_INCIDENTS, ChannelStatus
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.event import OWN_EVENTS, patterns_that_match
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.domain.own_event import OwnEvent

# Everybody who writes digests or messages of a channel locks it first, in the order of their ids: whoever makes its
# message finds all that is committed by then, and two of these never wait for each other crosswise.
_CHANNELS = text("""
    SELECT id, account_id, kinds, service FROM alert_channels
    WHERE (account_id = ANY(CAST(:accounts AS uuid[])) OR account_id IS NULL)
      AND status = :enabled AND kinds && CAST(:kinds AS text[])
    ORDER BY id FOR NO KEY UPDATE
""")

# Each kind has windows of its own, so what ended may be told later than what began after it: only what happened last
# says whether all is well.
LAST_OF_SUBJECT: Final = """LATERAL (
        SELECT kind = ANY(CAST(:endings AS text[])) AS is_over FROM alert_digests AS known
        WHERE known.channel_id = {of}.channel_id AND known.subject = {of}.subject
        ORDER BY last_at DESC, is_over LIMIT 1
    ) AS last"""
"""What to join to a relation that has a channel and a subject: whether the last that happened is that all is well."""

_OPEN = text(f"""
    SELECT given.channel_id, given.subject
    FROM unnest(CAST(:channels AS uuid[]), CAST(:subjects AS text[])) AS given (channel_id, subject)
    JOIN {LAST_OF_SUBJECT.format(of="given")} ON NOT last.is_over
""")  # noqa: S608 - ours

_COUNT_UP = text("""
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:channels AS uuid[]), CAST(:subjects AS text[]), CAST(:kinds AS text[]), CAST(:accounts AS uuid[]),
            CAST(:times AS bigint[]), CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]),
            CAST(:details AS text[])
        ) AS g (channel_id, subject, kind, account_id, times, first_at, last_at, detail)
    ), noted AS (
        INSERT INTO alert_digests AS known (channel_id, subject, kind, account_id, times, first_at, last_at, detail,
                                            due_at)
        SELECT channel_id, subject, kind, account_id, times, first_at, last_at, CAST(detail AS jsonb),
               flux_now() + :gather
        FROM given ORDER BY channel_id, subject, kind
        ON CONFLICT (channel_id, subject, kind) DO UPDATE
        SET times = known.times + excluded.times,
            first_at = CASE WHEN known.due_at IS NULL THEN excluded.first_at
                            ELSE least(known.first_at, excluded.first_at) END,
            last_at = greatest(known.last_at, excluded.last_at),
            detail = CASE WHEN known.due_at IS NULL OR known.last_at <= excluded.last_at THEN excluded.detail
                          ELSE known.detail END,
            due_at = coalesce(known.due_at, greatest(
                excluded.due_at, known.told_at + (CAST(:windows AS interval[]))[known.level]
            ))
        RETURNING channel_id, due_at
    ), due AS (
        SELECT channel_id, min(due_at) AS due_at FROM noted GROUP BY channel_id
    )
    UPDATE alert_channels SET compose_at = greatest(due.due_at, spaced_until)
    FROM due
    WHERE id = due.channel_id AND (compose_at IS NULL OR compose_at > greatest(due.due_at, spaced_until))
""")

# What was told of before keeps its window, and says whether an incident is open.
_ASKED_NO_MORE: Final = (
    text("""
        DELETE FROM alert_digests
        WHERE channel_id = ANY(CAST(:channels AS uuid[])) AND kind <> ALL(CAST(:kinds AS text[])) AND told_at IS NULL
    """),
    text("""
        UPDATE alert_digests SET times = 0, due_at = NULL
        WHERE channel_id = ANY(CAST(:channels AS uuid[])) AND kind <> ALL(CAST(:kinds AS text[]))
          AND due_at IS NOT NULL
    """),
)

# Only who names them gets them: `*` does not.
_WANTED = text("""
    SELECT account_id, pattern FROM subscriptions
    WHERE account_id = ANY(CAST(:accounts AS uuid[])) AND pattern = ANY(CAST(:patterns AS text[]))
""")
_PUBLISH = text("""
    INSERT INTO outbox (id, account_id, type, data, written_at)
    SELECT flux_new_id(), account_id, type, data, clock_timestamp()
    FROM unnest(CAST(:accounts AS uuid[]), CAST(:types AS text[]), CAST(:data AS text[])) AS g (account_id, type, data)
""")


async def note_occurrences(connection: AsyncConnection, occurrences: Sequence[Occurrence], pace: AlertPace) -> None:
    """Have every channel told that asks for it, as a part of the transaction that this connection is in."""
    if not occurrences:
        return
    accounts = {each.account for each in occurrences if each.account}
    parameters = {
        "accounts": [parse_id(Prefix.ACCOUNT, each) for each in accounts],
        "kinds": list({each.kind.value for each in occurrences}),
        "enabled": ChannelStatus.ENABLED.value,
    }
    channels = (await connection.execute(_CHANNELS, parameters)).all()
    pairs = [
        (channel.id, each)
        for channel in channels
        for each in occurrences
        if each.kind in channel.kinds and channel.account_id in {None, _owner(each)}
    ]
    if any(each.closes_only for each in occurrences):
        pairs = await _without_what_is_closed(connection, channels, pairs)
    if pairs:
        await connection.execute(_COUNT_UP, _digests(pairs) | {"gather": pace.gather, "windows": list(pace.windows)})


async def forget_other_kinds(connection: AsyncConnection, channels: Sequence[UUID], kinds: Sequence[str]) -> None:
    """Have these channels, which this transaction has locked, told of these kinds alone, whatever waited for them."""
    for statement in _ASKED_NO_MORE:
        await connection.execute(statement, {"channels": list(channels), "kinds": list(kinds)})


async def publish_own_events(connection: AsyncConnection, events: Sequence[OwnEvent]) -> None:
    """Publish events to the webhooks that ask for them, as a part of the same transaction: the outbox has them."""
    if not events:
        return
    patterns = {each.type: patterns_that_match(each.type) for each in events}
    parameters = {
        "accounts": [parse_id(Prefix.ACCOUNT, each) for each in {each.account for each in events}],
        "patterns": [each for each in set().union(*patterns.values()) if each.startswith(OWN_EVENTS)],
    }
    rows = (await connection.execute(_WANTED, parameters)).all()
    wanted = {(row.account_id.hex, row.pattern) for row in rows}
    asked = [
        each
        for each in events
        if any((parse_id(Prefix.ACCOUNT, each.account), pattern) in wanted for pattern in patterns[each.type])
    ]
    if asked:
        await connection.execute(
            _PUBLISH,
            {
                "accounts": [parse_id(Prefix.ACCOUNT, each.account) for each in asked],
                "types": [each.type for each in asked],
                "data": [json.dumps(dict(each.data)) for each in asked],
            },
        )


async def _without_what_is_closed(
    connection: AsyncConnection, channels: Sequence[Row[Any]], pairs: Sequence[tuple[UUID, Occurrence]]
) -> list[tuple[UUID, Occurrence]]:
    """Return these, and of what only closes incidents those where one is open."""
    have_incidents = {channel.id for channel in channels if channel.service in HAVE_INCIDENTS}
    closing = [(channel, each) for channel, each in pairs if each.closes_only and channel in have_incidents]
    given = {
        "channels": [channel for channel, _ in closing],
        "subjects": [each.subject for _, each in closing],
        "endings": [each.value for each in ENDINGS],
    }
    is_open = {(row.channel_id, row.subject) for row in await connection.execute(_OPEN, given)}
    return [(channel, each) for channel, each in pairs if not each.closes_only or (channel, each.subject) in is_open]


def _owner(occurrence: Occurrence) -> UUID | None:
    return UUID(parse_id(Prefix.ACCOUNT, occurrence.account)) if occurrence.account else _NOBODY


def _digests(pairs: Sequence[tuple[UUID, Occurrence]]) -> dict[str, Any]:
    return {
        "channels": [channel for channel, _ in pairs],
        "subjects": [each.subject for _, each in pairs],
        "kinds": [each.kind.value for _, each in pairs],
        "accounts": [_owner(each) if each.account else None for _, each in pairs],
        "times": [each.count for _, each in pairs],
        "firsts": [each.first_at for _, each in pairs],
        "lasts": [each.last_at for _, each in pairs],
        "details": [json.dumps(dict(each.detail)) for _, each in pairs],
    }


_NOBODY: Final = UUID(int=0)
"""Whose what is about the whole installation is: no channel of an account has it."""
