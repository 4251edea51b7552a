"""The table of what the deliveries of an event come to; where it has just one, that tells by itself."""

from sqlalchemy import UUID, Boolean, Column, Computed, Index, Integer, Table, Text

from flux_dispatch.store.tables.metadata import metadata

STATUS = """
    CASE WHEN failed > 0 THEN 'failed'
         WHEN open > 0 OR is_fanning_out THEN 'pending'
         WHEN delivered > 0 THEN 'delivered'
         WHEN canceled > 0 THEN 'canceled'
         ELSE 'unmatched' END
"""
"""failed wins at once: one final failure marks the event, whatever its other deliveries do."""

# Triggers on events, deliveries and fan_outs keep it, by the end of the statement that moves one of these.
event_statuses = Table(
    "event_statuses",
    metadata,
    Column("event_id", UUID, primary_key=True),
    Column("account_id", UUID, nullable=False),
    # its deliveries by how they ended
    Column("open", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("canceled", Integer, nullable=False),
    # others are still to come
    Column("is_fanning_out", Boolean, nullable=False),
    Column("status", Text, Computed(STATUS, persisted=True), nullable=False),
    Index("event_statuses_account", "account_id", "status", "event_id"),
    postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.02"},
)
