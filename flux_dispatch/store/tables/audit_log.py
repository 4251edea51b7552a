"""The table of the audit log: written once, in the transaction of what it tells, and never changed."""

from sqlalchemy import UUID, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

# Triggers refuse to change a row, and to delete one before its retention is over. Nothing is ever updated, so what
# autovacuum does by default after inserts and after a page was pruned is enough.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    # whose log it stands in; null: the platform's. Nothing that is named here is referred to: it goes, and this stays.
    Column("account_id", UUID, nullable=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("action", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    # the key that was given, by the API or when signing in
    Column("api_key_id", UUID, nullable=True),
    Column("session_id", UUID, nullable=True),
    Column("actor_name", Text, nullable=False),
    Column("target_kind", Text, nullable=True),
    # as it is written in the API, with its prefix; an event type's is its name
    Column("target_id", Text, nullable=True),
    Column("target_name", Text, nullable=False, server_default=text("''")),
    # by the names of fields, each a list of what was before and after
    Column("changes", JSONB, nullable=False, server_default=text("'{}'")),
    Column("request_id", Text, nullable=True),
    Column("address", Text, nullable=True),
    Column("user_agent", Text, nullable=True),
    Index("audit_entries_account", "account_id", "id"),
    Index("audit_entries_action", "account_id", "action", "id"),
    Index("audit_entries_target", "account_id", "target_id", "id"),
    Index("audit_entries_api_key", "account_id", "api_key_id", "id", postgresql_where=text("api_key_id IS NOT NULL")),
    Index("audit_entries_session", "account_id", "session_id", "id", postgresql_where=text("session_id IS NOT NULL")),
)
