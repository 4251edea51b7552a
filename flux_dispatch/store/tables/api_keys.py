"""The table of API keys."""

from sqlalchemy import ARRAY, UUID, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    # a platform key belongs to no account and may act for any
    Column("account_id", UUID, ForeignKey("accounts.id"), nullable=True),
    # SHA-256 of the key: a key holds 190 random bits, so a slow hash would guard nothing more
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("last4", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("revoked_at", INSTANT, nullable=True),
    Column("name", Text, nullable=False, server_default=text("''")),
    Column("expires_at", INSTANT, nullable=True),
    # to the minute
    Column("last_used_at", INSTANT, nullable=True),
    # how much it may ask for; null: as much as it likes
    Column("events_per_second", Integer, nullable=True),
    Column("requests_per_second", Integer, nullable=True),
    Index("api_keys_account", "account_id", "id"),
)
