"""Recoveries take turns by account: when each last had one is kept."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add a column that may be null: what the release before recovers meanwhile counts as no turn."""
    op.execute("ALTER TABLE recoveries ADD COLUMN served_at timestamptz")
    op.execute("CREATE INDEX recoveries_served ON recoveries (account_id, served_at)")
