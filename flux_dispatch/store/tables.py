"""The tables as SQLAlchemy sees them; the migrations make them, and a test compares the two."""

from sqlalchemy import (
    ARRAY,
    REAL,
    UUID,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()

_INSTANT = TIMESTAMP(timezone=True)
_NEW_ID = text("flux_new_id()")
_NOW = text("flux_now()")

accounts = Table(
    "accounts",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_NEW_ID),
    Column("name", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_NEW_ID),
    # a platform key belongs to no account and may act for any
    Column("account_id", UUID, ForeignKey("accounts.id"), nullable=True),
    # SHA-256 of the key: a key holds 190 random bits, so a slow hash would guard nothing more
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("revoked_at", _INSTANT, nullable=True),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_NEW_ID),
    Column("account_id", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text, nullable=True),
    Column("secrets", ARRAY(Text), nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("updated_at", _INSTANT, nullable=False, server_default=_NOW),
    # a deleted webhook stays as the name of its past deliveries
    Column("deleted_at", _INSTANT, nullable=True),
    # when somebody must look for deliveries that it will no longer get; set by a trigger when it is deleted or disabled
    Column("cancel_at", _INSTANT, nullable=True),
    Index("webhooks_account", "account_id", "id", postgresql_where=text("deleted_at IS NULL")),
    Index("webhooks_cancel", "cancel_at", postgresql_where=text("cancel_at IS NOT NULL")),
)

# Who wants what: each pattern of each enabled webhook, kept by a trigger on `webhooks`. So an event finds its webhooks
# by a few exact look-ups, however many there are.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("account_id", UUID, primary_key=True),
    Column("pattern", Text, primary_key=True),
    Column("webhook_id", UUID, primary_key=True),
    Index("subscriptions_webhook", "webhook_id"),
)

events = Table(
    "events",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("failed_at", _INSTANT, nullable=True),
    Column("idempotency_key", Text, nullable=True),
    Column("body", LargeBinary, nullable=False),
    Index("events_account", "account_id", "id"),
    Index("events_failed", "account_id", "id", postgresql_where=text("failed_at IS NOT NULL")),
    Index(
        "events_idempotency",
        "account_id",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.05", "autovacuum_vacuum_insert_scale_factor": "0.05"},
)

# Events that more webhooks want than get their deliveries at once, and the last webhook that got one.
fan_outs = Table(
    "fan_outs",
    metadata,
    Column("account_id", UUID, primary_key=True),
    Column("event_id", UUID, primary_key=True),
    Column("patterns", ARRAY(Text), nullable=False),
    Column("after", UUID, nullable=False),
    Column("webhooks", Integer, nullable=False),
)

ENDING = """
    CASE WHEN ended_at IS NULL THEN 0 WHEN reason IS NULL THEN 1 WHEN reason LIKE 'webhook%' THEN 3 ELSE 2 END
"""
"""How a delivery ended: 0 not yet, 1 delivered, 2 failed, 3 canceled. What is rare can be listed by it without reading
what is common, and unlike the state it stays as it is when a delivery is claimed."""

# A claim changes only columns that no index names, not even in its WHERE: such an update stays in its page (HOT)
# and touches no index. A test holds this.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_NEW_ID),
    Column("event_id", UUID, nullable=False),
    Column("webhook_id", UUID, nullable=False),
    Column("account_id", UUID, nullable=False),
    # when the next attempt may start; null when none will
    Column("due_at", _INSTANT, nullable=True),
    # when the planner must look at this row if nothing happens before, in whole seconds; null when nothing more is
    # owed, infinity while it is parked: due, and waiting for a place of its webhook
    Column("wake_at", _INSTANT, nullable=True),
    Column("leased_until", _INSTANT, nullable=True),
    Column("ended_at", _INSTANT, nullable=True),
    Column("token", UUID, nullable=True),
    # how many attempts were settled
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    # how many workers died over the attempt that is under way
    Column("rescues", SmallInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    # why it was given up or canceled
    Column("reason", Text, nullable=True),
    Column("ending", SmallInteger, Computed(ENDING, persisted=True), nullable=False),
    Index("deliveries_event", "event_id"),
    Index("deliveries_webhook", "ending", "webhook_id", "event_id"),
    Index("deliveries_account", "account_id", "ending", "event_id"),
    # first attempts and retries apart, so that a backlog of the former never hides a coming retry; by account within a
    # second, so that one account's never hides another's
    Index(
        "deliveries_wake",
        text("(attempts > 0)"),
        "wake_at",
        "account_id",
        "id",
        postgresql_where=text("wake_at IS NOT NULL"),
    ),
    Index("deliveries_parked", "webhook_id", "due_at", "id", postgresql_where=text("wake_at = 'infinity'")),
    # updated in place all the time: by PostgreSQL's own measure (a fifth of the table) vacuum would come too seldom
    postgresql_with={
        "fillfactor": "70",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_analyze_scale_factor": "0.05",
    },
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", UUID, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("duration_seconds", REAL, nullable=False),
    Column("ended_at", _INSTANT, nullable=False),
    Column("status", SmallInteger, nullable=True),
    Column("error", Text, nullable=True),
    Column("detail", Text, nullable=True),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", UUID, primary_key=True, server_default=_NEW_ID),
    Column("account_id", UUID, nullable=False),
    Column("webhook_id", UUID, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("delivery_id", UUID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=_NOW),
    Column("sent_at", _INSTANT, nullable=True),
    # when somebody was last told to send it
    Column("rung_at", _INSTANT, nullable=False, server_default=_NOW),
    Index("alerts_account", "account_id", "id"),
    Index("alerts_unsent", "rung_at", postgresql_where=text("sent_at IS NULL")),
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
)
