"""The table of recoveries: how far each has come, so that any worker may go on with it."""

from sqlalchemy import UUID, BigInteger, Column, Index, Table, Text, text

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

recoveries = Table(
    "recoveries",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("account_id", UUID, nullable=False),
    Column("webhook_id", UUID, nullable=False),
    # which events it is about, by when they were made: from `since` on, and before `until`
    Column("since", INSTANT, nullable=False),
    Column("until", INSTANT, nullable=False),
    # what comes before this event's id has been recovered
    Column("position", UUID, nullable=False),
    Column("status", Text, nullable=False),
    # why it was canceled
    Column("reason", Text, nullable=True),
    # how many it has recovered, by what they were before
    Column("failed", BigInteger, nullable=False, server_default=text("0")),
    Column("canceled", BigInteger, nullable=False, server_default=text("0")),
    Column("never_attempted", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Column("ended_at", INSTANT, nullable=True),
    # when somebody must come and recover more; null when it is over
    Column("recover_at", INSTANT, nullable=True),
    # when it last had a turn; the account that had none for the longest time comes next
    Column("served_at", INSTANT, nullable=True),
    Index("recoveries_account", "account_id", "id"),
    Index("recoveries_webhook", "webhook_id", "id"),
    Index("recoveries_served", "account_id", "served_at"),
    Index("recoveries_due", "recover_at", postgresql_where=text("recover_at IS NOT NULL")),
    # one at a time of each webhook: two would race for the same deliveries, at twice the rate
    Index("recoveries_open", "webhook_id", unique=True, postgresql_where=text("recover_at IS NOT NULL")),
)
