"""The table of accounts."""

from sqlalchemy import UUID, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("name", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    # what the platform calls this customer
    Column("external_id", Text, nullable=True),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    # a deleted account stays until everything that was its own is erased
    Column("deleted_at", INSTANT, nullable=True),
    # when somebody must come and erase more of it
    Column("erase_at", INSTANT, nullable=True),
    Index("accounts_external_id", "external_id", unique=True, postgresql_where=text("external_id IS NOT NULL")),
    Index("accounts_erase", "erase_at", postgresql_where=text("erase_at IS NOT NULL")),
)
