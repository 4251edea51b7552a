"""The piece of a roll-up that notes which webhooks are not well any more, and which are again."""

from typing import Final

from flux_dispatch.domain.webhook_health import Health

# Of a webhook that is well there is no row, so that where all is well nothing is written. Rows are locked in the order
# of their ids, after those of the statistics, as two who roll up would otherwise wait for each other crosswise.
NOTE_HEALTH: Final = f"""theirs AS (
        SELECT webhook_id, sum(delivered) > 0 AS has_delivered FROM ended
        GROUP BY webhook_id HAVING sum(ends - given_up) > 0
    ), begun AS (
        INSERT INTO webhook_health (webhook_id, account_id, health, since, check_at)
        SELECT webhooks.id, webhooks.account_id, '{Health.SUSPECT}', flux_now(), flux_now() + :failing_after
        FROM theirs JOIN webhooks ON webhooks.id = theirs.webhook_id
        WHERE NOT has_delivered AND webhooks.status = 'enabled' AND webhooks.deleted_at IS NULL
          AND NOT webhooks.is_listen
          AND NOT EXISTS (SELECT FROM webhook_health AS known WHERE known.webhook_id = theirs.webhook_id)
        ORDER BY webhooks.id
        ON CONFLICT DO NOTHING
    ), unwell AS (
        SELECT webhook_id, health FROM webhook_health
        WHERE webhook_id IN (SELECT webhook_id FROM theirs WHERE has_delivered)
          AND health IN ('{Health.SUSPECT}', '{Health.FAILING}')
        ORDER BY webhook_id FOR UPDATE
    ), well AS (
        DELETE FROM webhook_health USING unwell
        WHERE webhook_health.webhook_id = unwell.webhook_id AND unwell.health = '{Health.SUSPECT}'
    ), recovered AS (
        UPDATE webhook_health SET health = '{Health.RECOVERED}', check_at = flux_now() FROM unwell
        WHERE webhook_health.webhook_id = unwell.webhook_id AND unwell.health = '{Health.FAILING}'
    )"""  # noqa: S608 - only names of our own are written into it
"""Common table expressions that follow `ended`: webhook_id, ends, given_up and delivered, of each bucket."""
