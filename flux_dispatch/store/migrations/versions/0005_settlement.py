"""What settlements count, the status of events, and alerts that somebody has seen."""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = """
CREATE TABLE webhook_statistics (
    webhook_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    shard smallint NOT NULL,
    attempts integer NOT NULL,
    delivered integer NOT NULL,
    given_up integer NOT NULL,
    latencies integer[] NOT NULL,
    PRIMARY KEY (webhook_id, bucket, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE event_statuses (
    event_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    open integer NOT NULL,
    delivered integer NOT NULL,
    failed integer NOT NULL,
    canceled integer NOT NULL,
    is_fanning_out boolean NOT NULL,
    status text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN failed > 0 THEN 'failed'
             WHEN open > 0 OR is_fanning_out THEN 'pending'
             WHEN delivered > 0 THEN 'delivered'
             WHEN canceled > 0 THEN 'canceled'
             ELSE 'unmatched' END
    ) STORED
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE deliveries ADD COLUMN is_only boolean NOT NULL DEFAULT false;
CREATE INDEX deliveries_only ON deliveries (account_id, ending, event_id) WHERE is_only;
ALTER TABLE alerts ADD COLUMN acknowledged_at timestamptz;
CREATE INDEX alerts_open ON alerts (account_id, id) WHERE acknowledged_at IS NULL;
CREATE INDEX alerts_webhook ON alerts (account_id, webhook_id, id);
CREATE INDEX event_statuses_account ON event_statuses (account_id, status, event_id);
"""

# What the deliveries of events come to, as they are at this moment; the only one of an event tells by itself.
_COUNTED = """
    INSERT INTO event_statuses (event_id, account_id, open, delivered, failed, canceled, is_fanning_out)
    SELECT events.id, events.account_id, counts.open, counts.delivered, counts.failed, counts.canceled,
           EXISTS (SELECT FROM fan_outs WHERE account_id = events.account_id AND event_id = events.id)
    FROM {source}
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE ending = 0) AS open, count(*) FILTER (WHERE ending = 1) AS delivered,
               count(*) FILTER (WHERE ending = 2) AS failed, count(*) FILTER (WHERE ending = 3) AS canceled,
               coalesce(bool_or(is_only), false) AS has_only
        FROM deliveries WHERE event_id = events.id
    ) AS counts
    WHERE NOT counts.has_only
    ORDER BY events.id
"""

# An event is stored with its first deliveries by one statement, at whose end both are there.
_ON_EVENTS = f"""
CREATE FUNCTION flux_event_stored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_COUNTED.format(source="stored AS events")};
    RETURN NULL;
END $$;
CREATE TRIGGER stored AFTER INSERT ON events REFERENCING NEW TABLE AS stored
FOR EACH STATEMENT EXECUTE FUNCTION flux_event_stored()
"""

# Whatever ends deliveries, or opens them again, their events' counts follow by the end of the same statement. A claim
# does neither, and the only delivery of an event is not counted: both return at once. In the order of their ids, so
# that two statements never wait crosswise: INSERT keeps to it whatever the planner thinks, and finds each row there.
_ON_DELIVERIES = """
CREATE FUNCTION flux_deliveries_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM became WHERE ending <> 0 AND NOT is_only)
       AND NOT EXISTS (SELECT FROM was WHERE ending <> 0 AND NOT is_only) THEN
        RETURN NULL;
    END IF;
    INSERT INTO event_statuses AS known (event_id, account_id, open, delivered, failed, canceled, is_fanning_out)
    SELECT event_id, account_id, sum(CASE ending WHEN 0 THEN n ELSE 0 END), sum(CASE ending WHEN 1 THEN n ELSE 0 END),
           sum(CASE ending WHEN 2 THEN n ELSE 0 END), sum(CASE ending WHEN 3 THEN n ELSE 0 END), false
    FROM (
        SELECT event_id, account_id, ending, 1 AS n FROM became WHERE NOT is_only
        UNION ALL SELECT event_id, account_id, ending, -1 FROM was WHERE NOT is_only
    ) AS moved
    GROUP BY event_id, account_id
    HAVING bool_or(ending <> 0)
    ORDER BY event_id
    ON CONFLICT (event_id) DO UPDATE
    SET open = known.open + excluded.open, delivered = known.delivered + excluded.delivered,
        failed = known.failed + excluded.failed, canceled = known.canceled + excluded.canceled;
    RETURN NULL;
END $$;
CREATE TRIGGER moved AFTER UPDATE ON deliveries REFERENCING OLD TABLE AS was NEW TABLE AS became
FOR EACH STATEMENT EXECUTE FUNCTION flux_deliveries_moved()
"""

# Events that were there before deliveries were added to them are counted again: locked, in the order of their ids, so
# that what others settle meanwhile is counted once. What was the only delivery of one is not that any more.
_RECOUNT = f"""
CREATE FUNCTION flux_recount_events(these uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM event_statuses WHERE event_id = ANY(these) ORDER BY event_id FOR NO KEY UPDATE;
    UPDATE deliveries SET is_only = false
    WHERE event_id = ANY(these) AND coalesce(is_only, false)
      AND EXISTS (
          SELECT FROM deliveries AS other WHERE other.event_id = deliveries.event_id AND other.id <> deliveries.id
      );
    {_COUNTED.format(source="(SELECT * FROM events WHERE id = ANY(these)) AS events")}
    ON CONFLICT (event_id) DO UPDATE
    SET (open, delivered, failed, canceled, is_fanning_out)
        = (excluded.open, excluded.delivered, excluded.failed, excluded.canceled, excluded.is_fanning_out);
END $$;
"""  # noqa: S608 - only a statement of our own is written into it

# A fan-out adds some with each of its steps.
_ON_FAN_OUTS = """
CREATE FUNCTION flux_fan_out_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM flux_recount_events(ARRAY[OLD.event_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER moved AFTER UPDATE OR DELETE ON fan_outs FOR EACH ROW EXECUTE FUNCTION flux_fan_out_moved()
"""

_OF_BEFORE = _COUNTED.format(source="events")


def upgrade() -> None:
    """Make the tables, what keeps them true, and what they say of the events that there are."""
    statements = [*_STATEMENTS.split(";\n")]
    for function in (_ON_EVENTS, _ON_DELIVERIES, _RECOUNT, _ON_FAN_OUTS):
        made, _, trigger = function.partition("END $$;")
        statements += [made + "END $$", trigger]
    for statement in [*statements, _OF_BEFORE]:
        if statement.strip():
            op.execute(statement)
