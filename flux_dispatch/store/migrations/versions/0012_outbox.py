"""Services on the same PostgreSQL write events in their own transactions: the outbox, and the functions they call."""

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"

_TABLE = """
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    type text NOT NULL,
    data text NOT NULL,
    idempotency_key text,
    written_at timestamptz NOT NULL,
    reason text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_waiting ON outbox (account_id, id) WHERE reason IS NULL;
CREATE INDEX outbox_account ON outbox (account_id, idempotency_key)
"""

_ACCOUNT = """
CREATE FUNCTION {schema}.flux_account(named text) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF named ~ '^acct_[0-9a-f]{{32}}$' THEN
        RETURN (SELECT id FROM {schema}.accounts WHERE id = substr(named, 6)::uuid AND deleted_at IS NULL);
    ELSIF starts_with(named, 'ext:') THEN
        RETURN (SELECT id FROM {schema}.accounts WHERE external_id = substr(named, 5) AND deleted_at IS NULL);
    END IF;
    RETURN NULL;
END $$
"""

# Why an event would be refused, in the words of the API; where nothing is wrong all three are null. Nothing in here may
# raise: whoever calls has a transaction of its own to save. Only for brackets and exponents is there more to look at.
_REFUSAL = r"""
CREATE FUNCTION {schema}.flux_refusal(
    type text, data text, idempotency_key text, OUT code text, OUT param text, OUT message text
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    parsed jsonb;
    said text;
BEGIN
    IF type !~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$' OR length(type) > 128 THEN
        code := 'invalid_event_type'; param := 'type';
        message := 'An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, '
            'of at most 128 characters.';
    ELSIF idempotency_key !~ '^[ -~]{{1,255}}$' THEN
        code := 'invalid_idempotency_key'; param := 'idempotency_key';
        message := 'An idempotency key is 1 to 255 printable ASCII characters.';
    ELSIF octet_length(data) > 262144 THEN
        code := 'body_too_large'; param := 'data';
        message := 'data is larger than allowed: 262144 bytes.';
    END IF;
    IF code IS NOT NULL THEN
        RETURN;
    END IF;
    BEGIN
        parsed := data::jsonb;
    EXCEPTION WHEN others THEN
        GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
        code := 'invalid_json'; param := 'data';
        message := CASE
            WHEN SQLSTATE = '22003' THEN 'data holds a larger number than JSON is commonly read with.'
            WHEN SQLSTATE = '54001' THEN 'data is nested more than 100 levels deep.'
            WHEN SQLSTATE = '22P05' OR said LIKE '%surrogate%' THEN
                'The data cannot be written as JSON: it holds NaN, Infinity, U+0000 or half a surrogate pair, '
                'or is nested too deeply.'
            ELSE 'data is not valid JSON: ' || left(coalesce(nullif(said, ''), SQLERRM), 200)
        END;
        RETURN;
    END;
    IF jsonb_typeof(parsed) <> 'object' THEN
        code := 'wrong_type'; param := 'data'; message := 'data must be an object.';
    ELSIF octet_length(data) >= 200 AND jsonb_path_exists(parsed, 'strict $.**{{100}}') THEN
        code := 'invalid_json'; param := 'data'; message := 'data is nested more than 100 levels deep.';
    ELSIF data ~ '[eE][+]?[0-9]{{2}}|[0-9]{{255}}' AND jsonb_path_exists(
        parsed, 'strict $.** ? (@ >= 1.797693134862315808e308 || @ <= -1.797693134862315808e308)'
    ) THEN
        code := 'invalid_json'; param := 'data';
        message := 'data holds a larger number than JSON is commonly read with.';
    END IF;
END $$
"""

# What was published with this key: in one statement, for between two it may go from the outbox to the events.
_KNOWN = """
CREATE FUNCTION {schema}.flux_known(
    account_id uuid, type text, data text, idempotency_key text, OUT event uuid, OUT is_same boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    earlier record;
BEGIN
    SELECT found.* INTO earlier FROM (
        SELECT id, outbox.type, outbox.data, NULL::bytea AS body FROM {schema}.outbox
        WHERE outbox.account_id = flux_known.account_id AND outbox.idempotency_key = flux_known.idempotency_key
          AND reason IS NULL
        UNION ALL
        SELECT id, events.type, NULL, body FROM {schema}.events
        WHERE events.account_id = flux_known.account_id AND events.idempotency_key = flux_known.idempotency_key
    ) AS found ORDER BY id LIMIT 1;
    IF earlier.id IS NULL THEN
        RETURN;
    END IF;
    event := earlier.id;
    is_same := earlier.type = flux_known.type AND flux_known.data::jsonb
        = coalesce(earlier.data::jsonb, convert_from(earlier.body, 'UTF8')::jsonb -> 'data');
EXCEPTION WHEN others THEN
    event := NULL; -- it cannot be compared here: the relay does
END $$
"""

# Runs with the rights of its owner, in the transaction of whoever calls it, who needs no other right. What it names, it
# names with its schema, and it looks nowhere else.
_PUBLISH = """
CREATE FUNCTION {schema}.flux_publish(
    account text, type text, data text, idempotency_key text DEFAULT NULL,
    OUT event text, OUT error_code text, OUT error_param text, OUT error_message text
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_variable
DECLARE
    account_id uuid;
    earlier record;
BEGIN
    error_param := CASE
        WHEN account IS NULL THEN 'account' WHEN type IS NULL THEN 'type' WHEN data IS NULL THEN 'data'
    END;
    IF error_param IS NOT NULL THEN
        error_code := 'missing_field'; error_message := error_param || ' is missing.';
        RETURN;
    END IF;
    account_id := {schema}.flux_account(account);
    IF account_id IS NULL THEN
        error_code := 'not_found'; error_message := 'There is no account ' || left(account, 300) || '.';
        RETURN;
    END IF;
    SELECT refusal.* INTO error_code, error_param, error_message
    FROM {schema}.flux_refusal(type, data, idempotency_key) AS refusal;
    IF error_code IS NOT NULL THEN
        RETURN;
    END IF;
    IF idempotency_key IS NOT NULL THEN
        SELECT known.* INTO earlier FROM {schema}.flux_known(account_id, type, data, idempotency_key) AS known;
        IF earlier.is_same THEN
            event := 'evt_' || replace(earlier.event::text, '-', '');
            RETURN;
        ELSIF earlier.event IS NOT NULL THEN
            error_code := 'idempotency_key_reused';
            error_message := 'This idempotency key was used with another event. Use a new key for a new event.';
            RETURN;
        END IF;
    END IF;
    INSERT INTO {schema}.outbox AS made (id, account_id, type, data, idempotency_key, written_at)
    VALUES ({schema}.flux_new_id(), account_id, type, data, idempotency_key, clock_timestamp())
    RETURNING 'evt_' || replace(made.id::text, '-', '') INTO event;
END $$
"""

# For those who check data before they publish it.
_SCHEMA = """
CREATE FUNCTION {schema}.flux_event_schema(account text, type text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT schema FROM {schema}.event_types
    WHERE account_id = {schema}.flux_account($1) AND name = $2 AND archived_at IS NULL
$$
"""

_FUNCTIONS = {
    "flux_account(text)": _ACCOUNT,
    "flux_refusal(text, text, text)": _REFUSAL,
    "flux_known(uuid, text, text, text)": _KNOWN,
    "flux_publish(text, text, text, text)": _PUBLISH,
    "flux_event_schema(text, text)": _SCHEMA,
}


def upgrade() -> None:
    """Make the table, and functions that nobody may call but those who are granted it."""
    for statement in _TABLE.split(";\n"):
        op.execute(statement)
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for name, function in _FUNCTIONS.items():
        op.get_bind().exec_driver_sql(function.format(schema=schema))
        op.execute(f"REVOKE ALL ON FUNCTION {schema}.{name} FROM PUBLIC")
