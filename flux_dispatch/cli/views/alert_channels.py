"""What people are told of alert channels."""

from typing import Final

from flux_webhooks.models import AlertChannel

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = (
    "There is no alert channel yet. Make one:\n"
    "  flux alert-channels create 'mailtos://user:password@smtp.example.com?to=ops@example.com'"
)


def _arrives(channel: AlertChannel) -> str:
    if channel.failing_since is not None:
        return "failing"
    return "yes" if channel.last_sent is not None else "nothing sent yet"


COLUMNS: Final = (
    Column("channel", lambda each: each.id, Kind.ID),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("service", lambda each: each.service),
    Column("target", lambda each: each.target, Kind.URL),
    Column("arrives", _arrives, may_go=True),
    Column("name", lambda each: each.name, may_go=True),
    Column("kinds", lambda each: each.kinds, may_go=True),
)


def fields(channel: AlertChannel) -> dict[str, object]:
    """Return the fields of one channel."""
    return {
        "id": channel.id,
        "name": channel.name or None,
        "service": channel.service,
        "target": channel.target,
        "kinds": channel.kinds,
        "status": channel.status,
        "disabled_reason": channel.disabled_reason,
        "last_sent": channel.last_sent,
        "last_failed": channel.last_failed,
        "last_error": channel.last_error,
        "failing_since": channel.failing_since,
        "created": channel.created,
    }
