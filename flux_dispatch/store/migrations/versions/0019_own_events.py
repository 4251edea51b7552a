"""Nobody but the engine publishes under `flux.`: the outbox refuses such types, as the API does."""

from alembic import op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"

# The function as it was, with one more reason to refuse; who may call it stays. Nothing in here may raise: whoever
# calls has a transaction of its own to save.
_REFUSAL = r"""
CREATE OR REPLACE FUNCTION {schema}.flux_refusal(
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
    ELSIF starts_with(type, 'flux.') THEN
        code := 'invalid_event_type'; param := 'type';
        message := 'Types that begin with flux. are of what Flux Dispatch tells itself: give yours another name.';
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


def upgrade() -> None:
    """Replace the function; events of the engine's own do not come by it."""
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.get_bind().exec_driver_sql(_REFUSAL.format(schema=schema))
