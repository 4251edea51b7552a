"""The table of listen sessions: which command is connected for which temporary webhook, and through which process."""

from sqlalchemy import UUID, Column, Index, Integer, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

listen_sessions = Table(
    "listen_sessions",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("account_id", UUID, nullable=False),
    # its URL and what it wants stand there
    Column("webhook_id", UUID, nullable=False),
    # what the URL ends with; in plain text, as the URL of a webhook is: it leads to the command and to nothing else
    Column("token", Text, nullable=False, unique=True),
    # where the command says that it forwards
    Column("forward_to", Text, nullable=True),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    # when a command was last connected; no index names it, so that this is a HOT update
    Column("seen_at", INSTANT, nullable=False, server_default=NOW),
    # the API process that holds its socket; null: no command is connected
    Column("process", Text, nullable=True),
    # the run of the command that is, or was, connected
    Column("instance", Text, nullable=True),
    # how many times one was
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("ended_at", INSTANT, nullable=True),
    Column("ended_reason", Text, nullable=True),
    Index("listen_sessions_account", "account_id", "id"),
    Index("listen_sessions_open", "account_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("listen_sessions_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.05"},
)
