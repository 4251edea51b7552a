"""Who did what is written down, and stays: the audit log, with triggers that refuse to change it."""

from alembic import op

revision = "0017"
down_revision = "0016"

_TABLE = """
CREATE TABLE audit_entries (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    action text NOT NULL,
    actor_kind text NOT NULL,
    api_key_id uuid,
    session_id uuid,
    actor_name text NOT NULL,
    target_kind text,
    target_id text,
    target_name text NOT NULL DEFAULT '',
    changes jsonb NOT NULL DEFAULT '{}',
    request_id text,
    address text,
    user_agent text
);
CREATE INDEX audit_entries_account ON audit_entries (account_id, id);
CREATE INDEX audit_entries_action ON audit_entries (account_id, action, id);
CREATE INDEX audit_entries_target ON audit_entries (account_id, target_id, id);
CREATE INDEX audit_entries_api_key ON audit_entries (account_id, api_key_id, id) WHERE api_key_id IS NOT NULL;
CREATE INDEX audit_entries_session ON audit_entries (account_id, session_id, id) WHERE session_id IS NOT NULL
"""

# What goes: an entry that is older than the retention, of at least a day, that whoever deletes has said in their
# transaction; and what is of an account that is being erased, and was deleted before, but for that this was done.
_KEEP = """
CREATE FUNCTION flux_keep_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    retention_days int := nullif(current_setting('flux.audit_retention_days', true), '');
    erased uuid := nullif(current_setting('flux.erased_account', true), '');
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF retention_days >= 1 AND OLD.created_at < flux_now() - make_interval(days => retention_days) THEN
            RETURN OLD;
        END IF;
        IF (
            OLD.account_id = erased
            OR OLD.account_id IS NULL AND OLD.target_id = 'acct_' || replace(erased::text, '-', '')
                AND OLD.action NOT IN ('account.deleted', 'account.erased')
        ) AND EXISTS (SELECT FROM accounts WHERE id = erased AND deleted_at IS NOT NULL) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE restrict_violation USING
        MESSAGE = 'The audit log is not changed: entries are only added, and deleted when their retention is over.';
END $$
"""

_TRIGGERS = """
CREATE TRIGGER audit_entries_kept BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION flux_keep_audit_entries();
CREATE TRIGGER audit_entries_not_emptied BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION flux_keep_audit_entries()
"""


def upgrade() -> None:
    """Add a table: the release before works on, and what it does meanwhile is not in the log."""
    for statement in _TABLE.split(";\n"):
        op.execute(statement)
    op.execute(_KEEP)
    for statement in _TRIGGERS.split(";\n"):
        op.execute(statement)
