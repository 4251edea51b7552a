"""The table of dashboard sessions."""

from sqlalchemy import ARRAY, UUID, Column, ForeignKey, Index, LargeBinary, Table, Text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

dashboard_sessions = Table(
    "dashboard_sessions",
    metadata,
    # SHA-256 of the token in the cookie, which holds 256 random bits
    Column("digest", LargeBinary, primary_key=True),
    # what names it where sessions are listed
    Column("id", UUID, nullable=False, unique=True, server_default=NEW_ID),
    # null: an operator. The release before erases accounts without knowing of sessions, so they go with them.
    Column("account_id", UUID, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=True),
    # the key that signed in, with which the session ends; null: a link did
    Column("api_key_id", UUID, ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("signed_in_by", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    # written at most once a minute; no index names it, so that this is a HOT update
    Column("last_used_at", INSTANT, nullable=False, server_default=NOW),
    Column("expires_at", INSTANT, nullable=False),
    Index("dashboard_sessions_account", "account_id"),
    Index("dashboard_sessions_api_key", "api_key_id"),
    Index("dashboard_sessions_expires", "expires_at"),
)
