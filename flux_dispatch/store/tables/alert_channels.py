"""The tables of alert channels: where people are told, what they are yet to be told, and the messages to them."""

from sqlalchemy import (
    ARRAY,
    UUID,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

alert_channels = Table(
    "alert_channels",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    # null: an operator's, whose URL stands in FLUX_ALERT_URLS
    Column("account_id", UUID, nullable=True),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    # what may be shown of the URL
    Column("target", Text, nullable=False),
    # null: as above
    Column("sealed_url", LargeBinary, nullable=True),
    Column("kinds", ARRAY(Text), nullable=False),
    Column("status", Text, nullable=False, server_default=text("'enabled'")),
    Column("disabled_reason", Text, nullable=True),
    Column("last_sent_at", INSTANT, nullable=True),
    Column("last_failed_at", INSTANT, nullable=True),
    Column("last_error", Text, nullable=True),
    # since when every message has failed; null while the last one arrived
    Column("failing_since", INSTANT, nullable=True),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    # when its next message is to be made, null when nothing is to be told, or one is under way
    Column("compose_at", INSTANT, nullable=True),
    # no message is made before
    Column("spaced_until", INSTANT, nullable=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Index("alert_channels_account", "account_id", "id"),
    Index("alert_channels_compose", "compose_at", postgresql_where=text("compose_at IS NOT NULL")),
    # where an outage is told, a row changes again and again
    postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.05"},
)

# One row of each subject and kind that a channel was ever told of lately: it remembers the window that runs.
alert_digests = Table(
    "alert_digests",
    metadata,
    Column("channel_id", UUID, ForeignKey("alert_channels.id", ondelete="CASCADE"), primary_key=True),
    # the id of a webhook, or the name of a condition
    Column("subject", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    # whose webhook it is; null for a condition
    Column("account_id", UUID, nullable=True),
    # how often it happened since the last message
    Column("times", BigInteger, nullable=False),
    Column("first_at", INSTANT, nullable=False),
    Column("last_at", INSTANT, nullable=False),
    # the last of them
    Column("detail", JSONB, nullable=False),
    # when to tell it; null when there is nothing to tell
    Column("due_at", INSTANT, nullable=True),
    Column("told_at", INSTANT, nullable=True),
    # which window runs since then, from 1
    Column("level", SmallInteger, nullable=False, server_default=text("0")),
    Index("alert_digests_due", "channel_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("alert_digests_account", "account_id"),
    # counting changes no column that an index names, so it stays in its page (HOT), for which there is room
    postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.05"},
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("channel_id", UUID, ForeignKey("alert_channels.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", UUID, nullable=True),
    # what it tells; emptied when it was sent
    Column("content", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # when it is to be sent, or when whoever sends it must be dead; null when it is over
    Column("due_at", INSTANT, nullable=True, server_default=NOW),
    Column("lease_token", UUID, nullable=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("ended_at", INSTANT, nullable=True),
    # why the last attempt failed
    Column("error", Text, nullable=True),
    Index("notifications_account", "account_id"),
    Index("notifications_channel", "channel_id", "id"),
    Index("notifications_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("notifications_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    # one at a time to each channel: what happens meanwhile waits for the next
    Index("notifications_open", "channel_id", unique=True, postgresql_where=text("due_at IS NOT NULL")),
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
)
