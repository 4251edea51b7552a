"""What settlements count, what recovers, and alerts that somebody has seen."""

from alembic import op

revision = "0005"
down_revision = "0001"

_STATEMENTS = """
CREATE TABLE webhook_statistics (
    webhook_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    shard smallint NOT NULL,
    attempts integer NOT NULL,
    delivered integer NOT NULL,
    given_up integer NOT NULL,
    latencies integer[] NOT NULL,
    PRIMARY KEY (webhook_id, bucket, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
"""


def upgrade() -> None:
    """Make the tables, and the columns of those that there are."""
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
