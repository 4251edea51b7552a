"""The table of statistics: what each webhook's attempts came to, in buckets of five minutes."""

from sqlalchemy import ARRAY, UUID, Column, Integer, SmallInteger, Table

from flux_dispatch.store.tables.metadata import INSTANT, metadata

# A settlement changes only columns that no index names, so the update stays in its page (HOT), for which there is room.
webhook_statistics = Table(
    "webhook_statistics",
    metadata,
    Column("webhook_id", UUID, primary_key=True),
    # when it begins
    Column("bucket", INSTANT, primary_key=True),
    # workers write to rows of their own, which are added up when they are read
    Column("shard", SmallInteger, primary_key=True),
    Column("attempts", Integer, nullable=False),
    # attempts that did; the others failed
    Column("delivered", Integer, nullable=False),
    # deliveries whose final failure it was
    Column("given_up", Integer, nullable=False),
    # attempts by the class of their duration: domain/statistics.py has the bounds
    Column("latencies", ARRAY(Integer), nullable=False),
    postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.05"},
)
