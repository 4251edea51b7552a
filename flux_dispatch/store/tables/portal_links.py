"""The table of portal links."""

from sqlalchemy import UUID, Column, ForeignKey, Index, LargeBinary, Table

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

portal_links = Table(
    "portal_links",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    # whom it signs in; null: an operator
    Column("account_id", UUID, ForeignKey("accounts.id"), nullable=True),
    # SHA-256 of the token in the URL, which holds 256 random bits
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("expires_at", INSTANT, nullable=False),
    # set once, by whoever it signs in
    Column("used_at", INSTANT, nullable=True),
    Index("portal_links_account", "account_id", "expires_at"),
)
