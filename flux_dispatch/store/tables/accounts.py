"""The table of accounts."""

from sqlalchemy import UUID, Column, Table, Text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("name", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
)
