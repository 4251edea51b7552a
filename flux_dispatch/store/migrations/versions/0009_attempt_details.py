"""Attempts say where their time went, and which headers came back."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add columns that may be null: the release before goes on writing its own."""
    op.execute("ALTER TABLE attempts ADD COLUMN phases real[], ADD COLUMN response_headers jsonb")
