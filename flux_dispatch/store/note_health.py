"""What notes that webhooks are not well, or well again, where it happens: in a roll-up, or by whoever changes one."""

from typing import Final

from flux_dispatch.domain.webhook_health import Health

# Of a webhook that is well there is no row, so that where all is well nothing is written. A test that fails counts for
# nothing: whoever tries something out has the answer before them. One that delivers says as much as any delivery. Rows
# are locked in the order of their ids, after those of the statistics, as two who roll up would otherwise wait for each
# other crosswise.
NOTE_HEALTH: Final = f"""theirs AS (
        SELECT webhook_id, sum(delivered) > 0 AS has_delivered FROM ended
        GROUP BY webhook_id HAVING sum(ends - given_up - failed_tests) > 0
    ), begun AS (
        INSERT INTO webhook_health (webhook_id, account_id, health, since, check_at)
        SELECT webhooks.id, webhooks.account_id, '{Health.SUSPECT}', flux_now(), flux_now() + :failing_after
        FROM theirs JOIN webhooks ON webhooks.id = theirs.webhook_id
        WHERE NOT has_delivered AND webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL
          AND NOT webhooks.is_listen
          AND NOT EXISTS (SELECT FROM webhook_health AS known WHERE known.webhook_id = theirs.webhook_id)
        ORDER BY webhooks.id
        ON CONFLICT DO NOTHING
    ), known AS (
        SELECT webhook_id, health, has_delivered FROM theirs JOIN webhook_health USING (webhook_id)
        WHERE health = '{Health.UNRESOLVED}'
           OR has_delivered AND health IN ('{Health.SUSPECT}', '{Health.FAILING}', '{Health.SUSPECT_AGAIN}')
        ORDER BY webhook_id FOR UPDATE OF webhook_health
    ), well AS (
        DELETE FROM webhook_health USING known
        WHERE webhook_health.webhook_id = known.webhook_id AND known.health = '{Health.SUSPECT}'
    ), recovered AS (
        UPDATE webhook_health SET health = '{Health.RECOVERED}', check_at = flux_now() FROM known
        WHERE webhook_health.webhook_id = known.webhook_id AND has_delivered AND known.health <> '{Health.SUSPECT}'
    ), fails_again AS (
        UPDATE webhook_health
        SET health = '{Health.SUSPECT_AGAIN}', since = flux_now(), check_at = flux_now() + :failing_after
        FROM known WHERE webhook_health.webhook_id = known.webhook_id AND NOT has_delivered
    )"""  # noqa: S608 - only names of our own are written into it
"""Common table expressions that follow `ended`: webhook_id, ends, given_up, delivered, failed_tests, of each bucket."""

NOTE_DELETED: Final = f"""
    INSERT INTO webhook_health (webhook_id, account_id, health, since, check_at)
    VALUES (:webhook, :account, '{Health.DELETED}', flux_now(), flux_now())
    ON CONFLICT (webhook_id) DO UPDATE SET health = '{Health.DELETED}', check_at = flux_now()
"""  # noqa: S608 - as above
"""Has incidents closed of a webhook that is deleted: its row is locked, as always, before what is known of it."""

NOTE_ENABLED: Final = f"""
    WITH unknown AS (
        DELETE FROM webhook_health WHERE webhook_id = :webhook AND health = '{Health.SUSPECT}'
    )
    UPDATE webhook_health SET health = '{Health.UNRESOLVED}'
    WHERE webhook_id = :webhook AND health IN ('{Health.FAILING}', '{Health.SUSPECT_AGAIN}')
"""  # noqa: S608 - as above
"""Has time begin anew for one that is enabled again, whether or not anybody looked while it was disabled."""
