"""What all webhooks come to lately is found by time, however many there are."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add an index; while it is made no tally is rolled up, and settlements go on."""
    op.execute("CREATE INDEX webhook_statistics_bucket ON webhook_statistics (bucket)")
