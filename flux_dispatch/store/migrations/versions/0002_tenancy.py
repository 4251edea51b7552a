"""What the API needs to keep accounts apart: their outer names and their end, keys that are limited, portal links."""

from alembic import op

revision = "0002"
down_revision = "0001"

_CHANGES = """
ALTER TABLE accounts
    ADD COLUMN external_id text,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT flux_now(),
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN erase_at timestamptz;
CREATE UNIQUE INDEX accounts_external_id ON accounts (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX accounts_erase ON accounts (erase_at) WHERE erase_at IS NOT NULL;

ALTER TABLE api_keys
    ADD COLUMN name text NOT NULL DEFAULT '',
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN events_per_second integer,
    ADD COLUMN requests_per_second integer;
CREATE INDEX api_keys_account ON api_keys (account_id, id);

CREATE INDEX webhooks_deleted ON webhooks (account_id, id) WHERE deleted_at IS NOT NULL;

CREATE TABLE portal_links (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid NOT NULL REFERENCES accounts (id),
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX portal_links_account ON portal_links (account_id, expires_at);
"""


def upgrade() -> None:
    """Add columns that the release before does not need to know, and a table."""
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            op.execute(statement)
