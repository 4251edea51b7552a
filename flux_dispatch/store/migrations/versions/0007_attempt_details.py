"""Attempts say where their time went, and what came back, apart from what went wrong."""

from alembic import op

revision = "0007"
down_revision = "0001"


def upgrade() -> None:
    """Add columns that may be null: the release before goes on writing its own."""
    op.execute("""
        ALTER TABLE attempts
            ADD COLUMN dns_seconds real,
            ADD COLUMN connect_seconds real,
            ADD COLUMN tls_seconds real,
            ADD COLUMN wait_seconds real,
            ADD COLUMN read_seconds real,
            ADD COLUMN response_headers jsonb,
            ADD COLUMN response_excerpt text
    """)
