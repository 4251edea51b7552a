"""The last failed attempt to a webhook: how it is found among very many deliveries, by their index."""

from typing import Any, Final, cast

from sqlalchemy import Row

from flux_dispatch.domain.attempt import LastFailure
from flux_dispatch.domain.ids import DeliveryId, EventId, Prefix, format_id
from flux_dispatch.store.deliveries import ATTEMPT, attempt_from_row
from flux_dispatch.store.pages import HIGHEST_ID, LOWEST_ID

_GIVEN_UP: Final = 20
_OPEN: Final = 10

# The bounds are rows, so that one index fits best, whatever PostgreSQL believes of a webhook.
_SOME: Final = f"""(
            SELECT id, event_id, attempts AS made FROM deliveries
            WHERE ending = {{ending}} AND (webhook_id, event_id) >= ({{webhook}}.id, {LOWEST_ID})
              AND (webhook_id, event_id) <= ({{webhook}}.id, {HIGHEST_ID})
            ORDER BY webhook_id {{order}}, event_id {{order}} LIMIT {{most}}
        )"""  # noqa: S608 - only names and numbers of our own are written into it

# Of those that are open the newest may wait for their first attempt, and the oldest have had theirs.
_CANDIDATES: Final = " UNION ALL ".join(
    [
        _SOME.format(webhook="{webhook}", ending=2, order="DESC", most=_GIVEN_UP),
        _SOME.format(webhook="{webhook}", ending=0, order="DESC", most=_OPEN),
        _SOME.format(webhook="{webhook}", ending=0, order="ASC", most=_OPEN),
    ]
)
_LAST_FAILURE: Final = f"""LATERAL (
        SELECT candidates.id AS delivery_id, candidates.event_id, {ATTEMPT}
        FROM ({_CANDIDATES}) AS candidates
        CROSS JOIN LATERAL (
            SELECT * FROM attempts WHERE delivery_id = candidates.id AND number = candidates.made OFFSET 0
        ) AS attempts
        WHERE error IS NOT NULL
        ORDER BY attempts.ended_at DESC LIMIT 1
    ) AS last"""  # noqa: S608 - as above


def last_failure_of(webhook: str) -> str:
    """Return what to join, as `last`: the last failed attempt to the webhook whose `id` this relation has.

    Looked at are the newest deliveries that failed for good, and the newest and the oldest of those that are open.
    """
    return _LAST_FAILURE.format(webhook=webhook)


def last_failure_from_row(row: Row[Any]) -> LastFailure:
    """Return the failure that a row with the columns of `last` holds."""
    return LastFailure(
        event=cast(EventId, format_id(Prefix.EVENT, row.event_id.hex)),
        delivery=cast(DeliveryId, format_id(Prefix.DELIVERY, row.delivery_id.hex)),
        attempt=attempt_from_row(row),
    )
