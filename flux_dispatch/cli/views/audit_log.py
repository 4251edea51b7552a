"""What people are told of the audit log: each entry is a sentence."""

from typing import Final

from flux_webhooks.models import AuditEntry

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = "Nothing like that was done."


def _actor(entry: AuditEntry) -> str:
    return entry.actor.name or entry.actor.api_key or entry.actor.session or entry.actor.kind


COLUMNS: Final = (
    Column("when", lambda each: each.created, Kind.TIME),
    Column("action", lambda each: each.action),
    Column("summary", lambda each: each.summary, Kind.SENTENCE),
    Column("actor", _actor, may_go=True),
    Column("target", lambda each: each.target and (each.target.id or each.target.kind), Kind.ID, may_go=True),
    Column("address", lambda each: each.address, may_go=True),
    Column("entry", lambda each: each.id, Kind.ID, may_go=True),
)
