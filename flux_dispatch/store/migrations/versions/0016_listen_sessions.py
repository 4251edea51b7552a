"""Listen sessions: temporary webhooks whose deliveries travel to somebody's machine."""

from alembic import op

revision = "0016"
down_revision = "0015"

_CHANGES = """
CREATE TABLE listen_sessions (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    token text NOT NULL UNIQUE,
    forward_to text,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    seen_at timestamptz NOT NULL DEFAULT flux_now(),
    process text,
    instance text,
    epoch integer NOT NULL DEFAULT 0,
    ended_at timestamptz,
    ended_reason text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX listen_sessions_account ON listen_sessions (account_id, id);
CREATE INDEX listen_sessions_open ON listen_sessions (account_id, id) WHERE ended_at IS NULL;
CREATE INDEX listen_sessions_ended ON listen_sessions (ended_at) WHERE ended_at IS NOT NULL;
ALTER TABLE webhooks ADD COLUMN is_listen boolean NOT NULL DEFAULT false
"""


def upgrade() -> None:
    """Add a table, and mark the webhooks of sessions; none that was stored before is one."""
    for statement in _CHANGES.split(";\n"):
        op.execute(statement)
