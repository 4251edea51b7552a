"""Tests that failed are counted apart: they say nothing of the health of a webhook."""

from alembic import op

revision = "0021"
down_revision = "0020"

_CHANGES = """
ALTER TABLE webhook_statistics ADD COLUMN failed_tests integer NOT NULL DEFAULT 0;
ALTER TABLE webhook_tallies ADD COLUMN failed_tests uuid[]
"""


def upgrade() -> None:
    """Add the columns; what was counted before is taken for no test."""
    for statement in _CHANGES.split(";\n"):
        op.execute(statement)
