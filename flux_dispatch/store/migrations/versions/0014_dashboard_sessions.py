"""People sign in to the dashboard: their sessions, and links that sign in operators, who belong to no account."""

from alembic import op

revision = "0014"
down_revision = "0013"

# The release before deletes accounts and their keys without knowing of sessions: these go with them.
_CHANGES = """
CREATE TABLE dashboard_sessions (
    digest bytea PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT flux_new_id(),
    account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
    api_key_id uuid REFERENCES api_keys (id) ON DELETE CASCADE,
    scopes text[] NOT NULL,
    signed_in_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    last_used_at timestamptz NOT NULL DEFAULT flux_now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX dashboard_sessions_account ON dashboard_sessions (account_id);
CREATE INDEX dashboard_sessions_api_key ON dashboard_sessions (api_key_id);
CREATE INDEX dashboard_sessions_expires ON dashboard_sessions (expires_at);
ALTER TABLE portal_links ALTER COLUMN account_id DROP NOT NULL
"""


def upgrade() -> None:
    """Add a table, and let a link have no account: the release before makes none such, and uses none."""
    for statement in _CHANGES.split(";\n"):
        op.execute(statement)
