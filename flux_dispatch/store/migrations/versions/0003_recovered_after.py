"""A delivery that is recovered keeps count of its attempts, and gets a whole schedule again."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Note how many attempts were made before a recovery: none, for what was never recovered."""
    op.execute("ALTER TABLE deliveries ADD COLUMN recovered_after smallint NOT NULL DEFAULT 0")
