"""The tables of deliveries and of their attempts."""

from sqlalchemy import ARRAY, REAL, UUID, Boolean, Column, Computed, Index, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from flux_dispatch.store.tables.metadata import INSTANT, NEW_ID, metadata

ENDING = """
    CASE WHEN ended_at IS NULL THEN 0 WHEN reason IS NULL THEN 1 WHEN reason LIKE 'webhook%' THEN 3 ELSE 2 END
"""
"""How a delivery ended: 0 not yet, 1 delivered, 2 failed, 3 canceled. What is rare can be listed by it without reading
what is common, and unlike the state it stays as it is when a delivery is claimed."""

# A claim changes only columns that no index names, not even in its WHERE: such an update stays in its page (HOT)
# and touches no index. A test holds this.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID, primary_key=True, server_default=NEW_ID),
    Column("event_id", UUID, nullable=False),
    Column("webhook_id", UUID, nullable=False),
    Column("account_id", UUID, nullable=False),
    # when the next attempt may start; null when none will
    Column("due_at", INSTANT, nullable=True),
    # when the sweeper must come at this row if nothing happens before, in whole seconds; null when nothing more is
    # owed, infinity while it is parked: due, and waiting for a place of its webhook
    Column("sweep_at", INSTANT, nullable=True),
    Column("leased_until", INSTANT, nullable=True),
    Column("ended_at", INSTANT, nullable=True),
    Column("lease_token", UUID, nullable=True),
    # how many attempts were settled
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    # how many of them were made before it was last recovered: the retry policy counts from there
    Column("recovered_after", SmallInteger, nullable=False, server_default=text("0")),
    # how many workers died over the attempt that is in flight
    Column("rescues", SmallInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    # why it was given up or canceled
    Column("reason", Text, nullable=True),
    Column("ending", SmallInteger, Computed(ENDING, persisted=True), nullable=False),
    # sent because somebody tried the webhook out: it has one attempt, and nobody is alarmed when that fails
    Column("is_test", Boolean, nullable=False, server_default=text("false")),
    # its event has no other, and no row in event_statuses: the ending tells what has become of both
    Column("is_only", Boolean, nullable=False, server_default=text("false")),
    Index("deliveries_event", "event_id"),
    Index("deliveries_webhook", "ending", "webhook_id", "event_id"),
    # whether an event has only this one stands before how it ended: the status of such an event is read from here
    Index("deliveries_of_account", "account_id", "is_only", "ending", "event_id"),
    # first attempts and retries apart, so that a backlog of the former never hides a coming retry; by account within a
    # second, so that one account's never hides another's
    Index(
        "deliveries_sweep",
        text("(attempts > 0)"),
        "sweep_at",
        "account_id",
        "id",
        postgresql_where=text("sweep_at IS NOT NULL"),
    ),
    Index("deliveries_parked", "webhook_id", "due_at", "id", postgresql_where=text("sweep_at = 'infinity'")),
    Index("deliveries_tests", "account_id", "event_id", postgresql_where=text("is_test")),
    # updated in place all the time: by PostgreSQL's own measure (a fifth of the table) vacuum would come too seldom
    postgresql_with={
        "fillfactor": "70",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_analyze_scale_factor": "0.05",
    },
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", UUID, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("duration_seconds", REAL, nullable=False),
    Column("ended_at", INSTANT, nullable=False),
    Column("status", SmallInteger, nullable=True),
    Column("error", Text, nullable=True),
    # what the receiver answered, its first bytes; where there is no status, the error in words
    Column("detail", Text, nullable=True),
    # seconds of dns, connect, tls, wait and read; null where the whole attempt was a wait
    Column("phases", ARRAY(REAL), nullable=True),
    Column("response_headers", JSONB, nullable=True),
)
