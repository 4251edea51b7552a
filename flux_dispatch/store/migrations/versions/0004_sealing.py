"""Webhooks: secrets and headers may be sealed, several secrets sign until each expires, and there is metadata."""

from alembic import op

revision = "0004"
down_revision = "0003"

_CHANGES = """
ALTER TABLE webhooks
    ADD COLUMN sealed_secrets bytea[],
    ADD COLUMN secrets_expire_at timestamptz[],
    ADD COLUMN sealed_headers bytea,
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

CREATE TABLE sealing (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    keeps_plain boolean NOT NULL
);

INSERT INTO sealing (keeps_plain) SELECT EXISTS (SELECT FROM accounts);
"""


def upgrade() -> None:
    """Add the columns; what lies in plain text is sealed by `flux keys rotate-encryption`, for that takes the keys."""
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            op.execute(statement)
