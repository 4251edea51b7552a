"""The table of the catalogue: event types that an account has described, and those that every account has."""

from sqlalchemy import UUID, Column, Index, Integer, Table, Text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

# Those that every account has belong to the account 0, which is none.
event_types = Table(
    "event_types",
    metadata,
    Column("account_id", UUID, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("id", UUID, nullable=False, server_default=NEW_ID),
    Column("description", Text, nullable=False),
    Column("type_group", Text, nullable=True),
    # JSON as it is shown: text, for jsonb would sort the keys
    Column("example", Text, nullable=True),
    Column("schema", Text, nullable=True),
    # rises with every change, so a change is known, and one that was made meanwhile is seen
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Column("archived_at", INSTANT, nullable=True),
    Index("event_types_account", "account_id", "id"),
)
