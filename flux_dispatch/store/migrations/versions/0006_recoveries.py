"""Recoveries: all that a webhook missed comes again, page by page, and how far each has come is kept."""

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLE = """
CREATE TABLE recoveries (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    position uuid NOT NULL,
    status text NOT NULL,
    reason text,
    failed bigint NOT NULL DEFAULT 0,
    canceled bigint NOT NULL DEFAULT 0,
    never_attempted bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    updated_at timestamptz NOT NULL DEFAULT flux_now(),
    ended_at timestamptz,
    recover_at timestamptz
);
CREATE INDEX recoveries_account ON recoveries (account_id, id);
CREATE INDEX recoveries_webhook ON recoveries (webhook_id, id);
CREATE INDEX recoveries_due ON recoveries (recover_at) WHERE recover_at IS NOT NULL;
CREATE UNIQUE INDEX recoveries_open ON recoveries (webhook_id) WHERE recover_at IS NOT NULL;
"""


def upgrade() -> None:
    """Add a table that the release before does not need to know."""
    for statement in _TABLE.split(";\n"):
        if statement.strip():
            op.execute(statement)
