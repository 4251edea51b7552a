"""The tables of events, and of those that have not reached all their webhooks."""

from sqlalchemy import ARRAY, UUID, Column, Index, Integer, LargeBinary, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, metadata

events = Table(
    "events",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("account_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("failed_at", INSTANT, nullable=True),
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
