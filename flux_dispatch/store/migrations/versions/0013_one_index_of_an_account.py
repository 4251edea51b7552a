"""One index lists the deliveries of an account, where two did: each was written whenever a delivery ended."""

from alembic import op

revision = "0013"
down_revision = "0012"

_STATEMENTS = """
CREATE INDEX deliveries_of_account ON deliveries (account_id, is_only, ending, event_id);
DROP INDEX deliveries_account;
DROP INDEX deliveries_only
"""


def upgrade() -> None:
    """Make the one, and drop the two; meanwhile the release before reads lists of an account with more work."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
