"""What a settlement counts is written as one row, and rolled up afterwards."""

from alembic import op

revision = "0010"
down_revision = "0009"

# The arrays of a full group of settlements stay in the row, uncompressed: it lives for a second.
_STATEMENTS = """
CREATE TABLE webhook_tallies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket timestamptz NOT NULL,
    webhook_ids uuid[] NOT NULL,
    delivered boolean[] NOT NULL,
    durations real[] NOT NULL
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE webhook_tallies ALTER COLUMN webhook_ids SET STORAGE EXTERNAL;
ALTER TABLE webhook_tallies ALTER COLUMN durations SET STORAGE EXTERNAL;

CREATE TABLE webhook_statistics_whole (LIKE webhook_statistics INCLUDING STORAGE);
ALTER TABLE webhook_statistics_whole DROP COLUMN shard;
INSERT INTO webhook_statistics_whole (webhook_id, bucket, attempts, delivered, given_up, latencies)
SELECT webhook_id, bucket, sum(attempts), sum(delivered), sum(given_up), ARRAY(
    SELECT sum(count) FROM webhook_statistics AS part
    CROSS JOIN unnest(latencies) WITH ORDINALITY AS each (count, class)
    WHERE part.webhook_id = whole.webhook_id AND part.bucket = whole.bucket
    GROUP BY class ORDER BY class
)
FROM webhook_statistics AS whole GROUP BY webhook_id, bucket;
DROP TABLE webhook_statistics;
ALTER TABLE webhook_statistics_whole RENAME TO webhook_statistics;
ALTER TABLE webhook_statistics ADD CONSTRAINT webhook_statistics_pkey PRIMARY KEY (webhook_id, bucket);
ALTER TABLE webhook_statistics SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
"""


def upgrade() -> None:
    """Add up what was counted in shards, and make the table of what is still to be added."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
