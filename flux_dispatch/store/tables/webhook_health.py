"""The table of webhooks that are not well: one row for each of which every attempt fails, and no other."""

from sqlalchemy import UUID, Column, Index, Table, Text

from flux_dispatch.store.tables.metadata import INSTANT, metadata

webhook_health = Table(
    "webhook_health",
    metadata,
    Column("webhook_id", UUID, primary_key=True),
    Column("account_id", UUID, nullable=False),
    Column("health", Text, nullable=False),
    # since when every attempt has failed
    Column("since", INSTANT, nullable=False),
    # when somebody must look at it
    Column("check_at", INSTANT, nullable=False),
    Index("webhook_health_account", "account_id"),
    Index("webhook_health_check", "check_at"),
    # where an endpoint fails now and then, a row comes and goes
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
)
