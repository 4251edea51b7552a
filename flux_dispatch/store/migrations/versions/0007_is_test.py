"""A delivery may be a test of its webhook: it has one attempt, and nobody is alarmed when that fails."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Mark tests; nothing that was stored before is one."""
    op.execute("ALTER TABLE deliveries ADD COLUMN is_test boolean NOT NULL DEFAULT false")
    op.execute("CREATE INDEX deliveries_tests ON deliveries (account_id, event_id) WHERE is_test")
