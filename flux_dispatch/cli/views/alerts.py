"""What people are told of alerts."""

from typing import Final

from flux_webhooks.models import Alert

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = "There is no alert: no delivery was given up."


def _last(alert: Alert) -> str:
    return f"{alert.last_error or ''} {alert.last_status or ''}".strip()


COLUMNS: Final = (
    Column("alert", lambda each: each.id, Kind.ID),
    Column("created", lambda each: each.created, Kind.TIME, may_go=True),
    Column("type", lambda each: each.event_type),
    Column("last error", _last),
    Column("seen", lambda each: each.acknowledged is not None),
    Column("url", lambda each: each.url, Kind.URL, may_go=True),
)


def fields(alert: Alert) -> dict[str, object]:
    """Return the fields of one alert."""
    return {
        "id": alert.id,
        "reason": alert.reason,
        "event_type": alert.event_type,
        "event": alert.event,
        "webhook": alert.webhook,
        "url": alert.url,
        "delivery": alert.delivery,
        "last_error": _last(alert),
        "created": alert.created,
        "acknowledged": alert.acknowledged,
    }
