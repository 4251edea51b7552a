"""The table of alerts."""

from sqlalchemy import UUID, Column, Index, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("account_id", UUID, nullable=False),
    Column("webhook_id", UUID, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("delivery_id", UUID, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("sent_at", INSTANT, nullable=True),
    # when somebody first said that they had seen it
    Column("acknowledged_at", INSTANT, nullable=True),
    # when somebody was last told to send it
    Column("enqueued_at", INSTANT, nullable=False, server_default=NOW),
    Index("alerts_account", "account_id", "id"),
    Index("alerts_open", "account_id", "id", postgresql_where=text("acknowledged_at IS NULL")),
    Index("alerts_webhook", "account_id", "webhook_id", "id"),
    Index("alerts_unsent", "enqueued_at", postgresql_where=text("sent_at IS NULL")),
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
)
