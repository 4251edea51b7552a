"""The table of the outbox: events that other services wrote in their own transactions, until the relay takes them."""

from sqlalchemy import UUID, Column, Index, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, metadata

# A row lives for part of a second, so that vacuum comes by their number, however many there are.
outbox = Table(
    "outbox",
    metadata,
    # the event's
    Column("id", UUID, primary_key=True),
    Column("account_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    # JSON, in the writing of whoever published it
    Column("data", Text, nullable=False),
    Column("idempotency_key", Text, nullable=True),
    Column("written_at", INSTANT, nullable=False),
    # why it cannot be published; it is kept, and looked at no more
    Column("reason", Text, nullable=True),
    Index("outbox_waiting", "account_id", "id", postgresql_where=text("reason IS NULL")),
    Index("outbox_account", "account_id", "idempotency_key"),
    postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"},
)
