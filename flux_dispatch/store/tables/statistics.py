"""The tables of statistics: what each webhook's attempts came to in five minutes each, and what is to be added."""

from sqlalchemy import ARRAY, REAL, UUID, BigInteger, Boolean, Column, Identity, Index, Integer, Table, text

from flux_dispatch.store.tables.metadata import INSTANT, metadata

# A roll-up changes only columns that no index names, so the update stays in its page (HOT), for which there is room.
webhook_statistics = Table(
    "webhook_statistics",
    metadata,
    Column("webhook_id", UUID, primary_key=True),
    # when it begins
    Column("bucket", INSTANT, primary_key=True),
    Column("attempts", Integer, nullable=False),
    # attempts that did; the others failed
    Column("delivered", Integer, nullable=False),
    # deliveries whose final failure it was
    Column("given_up", Integer, nullable=False),
    # attempts by the class of their duration: domain/statistics.py has the bounds
    Column("latencies", ARRAY(Integer), nullable=False),
    # attempts that were tests and failed: they say nothing of the webhook's health
    Column("failed_tests", Integer, nullable=False, server_default=text("0")),
    # what all webhooks come to lately
    Index("webhook_statistics_bucket", "bucket"),
    postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.05"},
)

webhook_tallies = Table(
    "webhook_tallies",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # in which its attempts ended
    Column("bucket", INSTANT, nullable=False),
    # the n-th of each array belong together: one attempt, or one final failure
    Column("webhook_ids", ARRAY(UUID), nullable=False),
    Column("delivered", ARRAY(Boolean), nullable=False),
    # in seconds; null for a final failure, which is no attempt
    Column("durations", ARRAY(REAL), nullable=False),
    # whose attempts were tests and failed, once for each; null where none was
    Column("failed_tests", ARRAY(UUID), nullable=True),
    # it lives for a second, and is never compressed
    postgresql_with={
        "toast_tuple_target": "8160",
        "autovacuum_vacuum_scale_factor": "0",
        "autovacuum_vacuum_threshold": "1000",
    },
)
