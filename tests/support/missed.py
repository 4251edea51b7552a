"""Fills a database with what a webhook missed: as many events of an hour ago as a test wants."""

MISSED = """
    WITH hook AS (
        SELECT id, account_id FROM webhooks WHERE id = CAST({webhook} AS uuid)
    ), happened AS (
        INSERT INTO events (id, account_id, type, created_at, failed_at, body)
        SELECT CAST(lpad(to_hex(extract(epoch FROM at)::bigint * 1000 + n % 1000), 12, '0')
                    || '7000800' || lpad(to_hex(n), 13, '0') AS uuid),
               hook.account_id, 'order.completed', at, CASE WHEN n % 3 = 0 THEN at END, '{{"data":{{}}}}'
        FROM hook, (
            SELECT n, flux_now() - interval '1 hour' + n / 1000 * interval '1 second' AS at
            FROM generate_series(0, CAST({count} AS int) - 1) AS n
        ) AS numbered
        RETURNING id, failed_at
    )
    INSERT INTO deliveries (event_id, webhook_id, account_id, state, reason, attempts, ended_at)
    SELECT happened.id, hook.id, hook.account_id, CASE WHEN k % 3 = 0 THEN 'failed' ELSE 'canceled' END,
           CASE WHEN k % 3 = 0 THEN 'attempts_exhausted' ELSE 'webhook_disabled' END,
           CASE WHEN k % 3 = 0 THEN 5 ELSE 0 END, flux_now()
    FROM hook, (SELECT id, row_number() OVER (ORDER BY id) - 1 AS k FROM happened) AS happened
    WHERE k % 3 < 2
"""
"""Of three events, one has a delivery that failed after five attempts, one has one that was canceled, one has none."""
