"""Alerts arrive: channels, what they are yet to be told, messages, the health of webhooks, operators' conditions."""

from alembic import op

revision = "0018"
down_revision = "0017"

# The release before erases accounts without knowing of these: their rows stay until this one erases, and hold nothing
# that anybody is sent.
_CHANGES = """
CREATE TABLE alert_channels (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid,
    name text NOT NULL,
    service text NOT NULL,
    target text NOT NULL,
    sealed_url bytea,
    kinds text[] NOT NULL,
    status text NOT NULL DEFAULT 'enabled',
    disabled_reason text,
    last_sent_at timestamptz,
    last_failed_at timestamptz,
    last_error text,
    failing_since timestamptz,
    failures integer NOT NULL DEFAULT 0,
    compose_at timestamptz,
    spaced_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    updated_at timestamptz NOT NULL DEFAULT flux_now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX alert_channels_account ON alert_channels (account_id, id);
CREATE INDEX alert_channels_compose ON alert_channels (compose_at) WHERE compose_at IS NOT NULL;
CREATE TABLE alert_digests (
    channel_id uuid NOT NULL REFERENCES alert_channels (id) ON DELETE CASCADE,
    subject text NOT NULL,
    kind text NOT NULL,
    account_id uuid,
    times bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    detail jsonb NOT NULL,
    due_at timestamptz,
    told_at timestamptz,
    level smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, subject, kind)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX alert_digests_due ON alert_digests (channel_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alert_digests_account ON alert_digests (account_id);
CREATE TABLE notifications (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    channel_id uuid NOT NULL REFERENCES alert_channels (id) ON DELETE CASCADE,
    account_id uuid,
    content jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT flux_now(),
    lease_token uuid,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    ended_at timestamptz,
    error text
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX notifications_account ON notifications (account_id);
CREATE INDEX notifications_channel ON notifications (channel_id, id);
CREATE INDEX notifications_due ON notifications (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notifications_ended ON notifications (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX notifications_open ON notifications (channel_id) WHERE due_at IS NOT NULL;
CREATE TABLE webhook_health (
    webhook_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    health text NOT NULL,
    since timestamptz NOT NULL,
    check_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX webhook_health_account ON webhook_health (account_id);
CREATE INDEX webhook_health_check ON webhook_health (check_at);
CREATE TABLE conditions (
    condition text PRIMARY KEY,
    holds boolean NOT NULL,
    since timestamptz NOT NULL DEFAULT flux_now(),
    opposite_since timestamptz
);
CREATE TABLE condition_looks (
    by text PRIMARY KEY,
    looked_at timestamptz NOT NULL
)
"""


def upgrade() -> None:
    """Make the tables; the release before goes on without them."""
    for statement in _CHANGES.split(";\n"):
        op.execute(statement)
