"""Counts again, from the attempts themselves, what the statistics say; where the two differ, one of them is wrong."""

from flux_dispatch.domain.statistics import LATENCY_BOUNDS

_BOUNDS = f"CAST(ARRAY{list(LATENCY_BOUNDS)} AS real[])"

STATISTICS_THAT_DIFFER = f"""
    WITH one AS (
        SELECT bucket, each.*, width_bucket(duration, {_BOUNDS}) AS class
        FROM webhook_tallies AS tally,
             unnest(webhook_ids, tally.delivered, durations) AS each (webhook_id, delivered, duration)
    ), part AS (
        SELECT webhook_id, bucket, attempts, delivered, given_up, latencies FROM webhook_statistics
        UNION ALL
        SELECT webhook_id, bucket, (class IS NOT NULL)::int, delivered::int, (class IS NULL)::int,
               ARRAY(SELECT coalesce(n = class, false)::int FROM generate_series(0, {len(LATENCY_BOUNDS)}) n ORDER BY n)
        FROM one
    ), counted AS (
        SELECT webhook_id, bucket, sum(attempts) AS attempts, sum(delivered) AS delivered, sum(given_up) AS given_up,
               ARRAY(
                   SELECT sum(each.count) FROM part
                   CROSS JOIN unnest(part.latencies) WITH ORDINALITY AS each (count, class)
                   WHERE (part.webhook_id, part.bucket) = (whole.webhook_id, whole.bucket)
                   GROUP BY class ORDER BY class
               ) AS latencies
        FROM part AS whole GROUP BY webhook_id, bucket
    ), made AS (
        SELECT webhook_id, date_bin('5 minutes', attempts.ended_at, '2000-01-01 00:00:00+00') AS bucket,
               attempts.error IS NULL AS is_delivered,
               width_bucket(duration_seconds, {_BOUNDS}) AS class
        FROM attempts JOIN deliveries ON deliveries.id = delivery_id
    ), given_up AS (
        SELECT webhook_id, date_bin('5 minutes', created_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS given_up
        FROM alerts GROUP BY 1, 2
    ), recounted AS (
        SELECT webhook_id, bucket, count(made.*) AS attempts, count(*) FILTER (WHERE is_delivered) AS delivered,
               coalesce(max(given_up.given_up), 0) AS given_up,
               ARRAY(
                   SELECT (SELECT count(*) FROM made AS each WHERE each.class = classes.class
                           AND each.webhook_id = webhook_id_of.webhook_id AND each.bucket = webhook_id_of.bucket)
                   FROM generate_series(0, {len(LATENCY_BOUNDS)}) AS classes (class) ORDER BY class
               ) AS latencies
        FROM (SELECT webhook_id, bucket FROM made UNION SELECT webhook_id, bucket FROM given_up) AS webhook_id_of
        LEFT JOIN made USING (webhook_id, bucket)
        LEFT JOIN given_up USING (webhook_id, bucket)
        GROUP BY webhook_id, bucket, webhook_id_of.webhook_id, webhook_id_of.bucket
    )
    (TABLE counted EXCEPT TABLE recounted) UNION ALL (TABLE recounted EXCEPT TABLE counted)
"""  # noqa: S608 - only numbers of our own are written into it
"""Every bucket that the statistics and the attempts do not agree about, as each has it; no row where all is well."""

COUNTED_STATUSES = """
    SELECT events.id AS event_id, events.account_id, count(*) FILTER (WHERE ending = 0) AS open,
           count(*) FILTER (WHERE ending = 1) AS delivered, count(*) FILTER (WHERE ending = 2) AS failed,
           count(*) FILTER (WHERE ending = 3) AS canceled,
           EXISTS (SELECT FROM fan_outs WHERE event_id = events.id) AS is_fanning_out
    FROM events LEFT JOIN deliveries ON deliveries.event_id = events.id
    GROUP BY events.id
"""
TOLD_STATUSES = """
    SELECT event_id, account_id, open, delivered, failed, canceled, is_fanning_out, status FROM event_statuses
    UNION ALL
    SELECT event_id, account_id, (ending = 0)::int, (ending = 1)::int, (ending = 2)::int, (ending = 3)::int, false,
           (ARRAY['pending', 'delivered', 'failed', 'canceled'])[ending + 1]
    FROM deliveries WHERE is_only
"""
"""What is stored of each event, by a row of its own or by its only delivery."""

EVENT_STATUSES = f"SELECT status FROM ({TOLD_STATUSES}) AS told ORDER BY event_id"  # noqa: S608 - as above

STATUSES_THAT_DIFFER = f"""
    WITH told AS (
        SELECT event_id, account_id, open, delivered, failed, canceled, is_fanning_out FROM ({TOLD_STATUSES}) AS each
    ), counted AS ({COUNTED_STATUSES})
    (TABLE told EXCEPT ALL TABLE counted) UNION ALL (TABLE counted EXCEPT ALL TABLE told)
"""  # noqa: S608 - as above
"""Every event of which too much, too little or something else is told than its deliveries say."""

STATUSES_ANEW = (
    "DELETE FROM event_statuses USING deliveries WHERE deliveries.event_id = event_statuses.event_id AND is_only",
    "SELECT flux_recount_events(ARRAY(SELECT id FROM events))",
)
"""For a test that stores events and then, by hand, their deliveries: only one statement for both counts them."""
