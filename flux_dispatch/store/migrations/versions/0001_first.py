"""The first schema: accounts, keys, webhooks, events, deliveries with their attempts, alerts."""

from alembic import op

revision = "0001"
down_revision = None

# The database's clock decides what is due, and every statement asks for it by this one name.
_NOW = """
CREATE FUNCTION flux_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT statement_timestamp()'
"""

# When the sweeper comes is kept in whole seconds: so it finds which accounts have something due by going from one pair
# of second and account to the next in the index, however much each of them has.
_SECOND = """
CREATE FUNCTION flux_second(moment timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT date_bin('1 second', moment, '2000-01-01 00:00:00+00') $$
"""

# UUID version 7 (RFC 9562, 5.7); uuidv7() itself came with PostgreSQL 18, and 14 is enough for us.
_NEW_ID = """
CREATE FUNCTION flux_new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
SELECT encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
        52, 1), 53, 1),
    'hex')::uuid
$$
"""

# Whoever writes a webhook, what it wants is written with it, or the event of a moment later would miss it.
_SUBSCRIBE = """
CREATE FUNCTION flux_subscribe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM subscriptions WHERE webhook_id = NEW.id;
    IF NEW.status = 'enabled' AND NEW.deleted_at IS NULL THEN
        INSERT INTO subscriptions SELECT DISTINCT NEW.account_id, pattern, NEW.id FROM unnest(NEW.events) AS pattern;
    END IF;
    RETURN NULL;
END $$
"""
_ON_WEBHOOKS = """
CREATE TRIGGER subscribe AFTER INSERT OR UPDATE OF events, status, deleted_at ON webhooks
FOR EACH ROW EXECUTE FUNCTION flux_subscribe()
"""

# Whoever ends a webhook, what it will no longer get is looked for; what a webhook that goes on is owed is left alone.
_CANCEL = """
CREATE FUNCTION flux_cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.cancel_at := CASE WHEN NEW.status <> 'enabled' OR NEW.deleted_at IS NOT NULL THEN flux_now() END;
    RETURN NEW;
END $$
"""
_ON_ENDED_WEBHOOKS = """
CREATE TRIGGER cancel BEFORE UPDATE OF status, deleted_at ON webhooks
FOR EACH ROW EXECUTE FUNCTION flux_cancel()
"""

_TABLES = """
CREATE TABLE accounts (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT flux_now()
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid REFERENCES accounts (id),
    digest bytea NOT NULL UNIQUE,
    last4 text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    revoked_at timestamptz
);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid NOT NULL REFERENCES accounts (id),
    url text NOT NULL,
    events text[] NOT NULL,
    description text NOT NULL,
    headers jsonb NOT NULL,
    status text NOT NULL,
    disabled_reason text,
    secrets text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    updated_at timestamptz NOT NULL DEFAULT flux_now(),
    deleted_at timestamptz,
    cancel_at timestamptz
);
CREATE INDEX webhooks_account ON webhooks (account_id, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_cancel ON webhooks (cancel_at) WHERE cancel_at IS NOT NULL;

CREATE TABLE subscriptions (
    account_id uuid NOT NULL,
    pattern text NOT NULL,
    webhook_id uuid NOT NULL,
    PRIMARY KEY (account_id, pattern, webhook_id)
);
CREATE INDEX subscriptions_webhook ON subscriptions (webhook_id);

CREATE TABLE events (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    type text NOT NULL,
    created_at timestamptz NOT NULL,
    failed_at timestamptz,
    idempotency_key text,
    body bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX events_account ON events (account_id, id);
CREATE INDEX events_failed ON events (account_id, id) WHERE failed_at IS NOT NULL;
CREATE UNIQUE INDEX events_idempotency ON events (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE fan_outs (
    account_id uuid NOT NULL,
    event_id uuid NOT NULL,
    patterns text[] NOT NULL,
    after uuid NOT NULL,
    webhooks integer NOT NULL,
    PRIMARY KEY (account_id, event_id)
);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    event_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    account_id uuid NOT NULL,
    due_at timestamptz,
    sweep_at timestamptz,
    leased_until timestamptz,
    ended_at timestamptz,
    lease_token uuid,
    attempts smallint NOT NULL DEFAULT 0,
    rescues smallint NOT NULL DEFAULT 0,
    state text NOT NULL,
    reason text,
    ending smallint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN ended_at IS NULL THEN 0 WHEN reason IS NULL THEN 1 WHEN reason LIKE 'webhook%' THEN 3 ELSE 2 END
    ) STORED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_webhook ON deliveries (ending, webhook_id, event_id);
CREATE INDEX deliveries_account ON deliveries (account_id, ending, event_id);
CREATE INDEX deliveries_sweep ON deliveries ((attempts > 0), sweep_at, account_id, id) WHERE sweep_at IS NOT NULL;
CREATE INDEX deliveries_parked ON deliveries (webhook_id, due_at, id) WHERE sweep_at = 'infinity';

CREATE TABLE attempts (
    delivery_id uuid NOT NULL,
    number smallint NOT NULL,
    duration_seconds real NOT NULL,
    ended_at timestamptz NOT NULL,
    status smallint,
    error text,
    detail text,
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE alerts (
    id uuid PRIMARY KEY DEFAULT flux_new_id(),
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    sent_at timestamptz,
    enqueued_at timestamptz NOT NULL DEFAULT flux_now()
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX alerts_account ON alerts (account_id, id);
CREATE INDEX alerts_unsent ON alerts (enqueued_at) WHERE sent_at IS NULL;
"""


def upgrade() -> None:
    """Make the functions, the tables, and what keeps one table true to another."""
    triggers = (_SUBSCRIBE, _ON_WEBHOOKS, _CANCEL, _ON_ENDED_WEBHOOKS)
    for statement in (_NOW, _SECOND, _NEW_ID, *_TABLES.split(";\n"), *triggers):
        if statement.strip():
            op.execute(statement)
