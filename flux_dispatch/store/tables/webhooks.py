"""The tables of webhooks, and of what they subscribe to."""

from sqlalchemy import ARRAY, UUID, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, NOW, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("account_id", UUID, ForeignKey("accounts.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    # plain text of the release before; what is sealed goes before it
    Column("headers", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("disabled_reason", Text, nullable=True),
    # as above
    Column("secrets", ARRAY(Text), nullable=False),
    # each sealed by itself, the newest first, with the time at which it ends; the newest has none
    Column("sealed_secrets", ARRAY(LargeBinary), nullable=True),
    Column("secrets_expire_at", ARRAY(INSTANT), nullable=True),
    # null when there are none
    Column("sealed_headers", LargeBinary, nullable=True),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    # a deleted webhook stays as the name of its past deliveries
    Column("deleted_at", INSTANT, nullable=True),
    # when somebody must look for deliveries that it will no longer get; set by a trigger when it is deleted or disabled
    Column("cancel_at", INSTANT, nullable=True),
    # of a listen session: it ends with that, is in no list, and alarms nobody
    Column("is_listen", Boolean, nullable=False, server_default=text("false")),
    Index("webhooks_account", "account_id", "id", postgresql_where=text("deleted_at IS NULL")),
    # by which those of an account are erased
    Index("webhooks_deleted", "account_id", "id", postgresql_where=text("deleted_at IS NOT NULL")),
    Index("webhooks_cancel", "cancel_at", postgresql_where=text("cancel_at IS NOT NULL")),
)

# Who wants what: each pattern of each enabled webhook, kept by a trigger on `webhooks`. So an event finds its webhooks
# by a few exact look-ups, however many there are.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("account_id", UUID, primary_key=True),
    Column("pattern", Text, primary_key=True),
    Column("webhook_id", UUID, primary_key=True),
    Index("subscriptions_webhook", "webhook_id"),
)
