"""What leaves the audit log: entries as JSON, one a line, and as CSV that no spreadsheet takes for formulas."""

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import UTC
from enum import StrEnum
from io import StringIO
from typing import Any, Final

from flux_dispatch.domain.audit_entry import AuditEntry, sentence

COLUMNS: Final = (
    *("id", "created", "account", "action", "summary"),
    *("actor_kind", "actor_name", "actor_api_key", "actor_session"),
    *("target_kind", "target_id", "target_name", "changes", "request_id", "address", "user_agent"),
)
"""The columns of the CSV, in this order; more may come behind them."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}")
_MORE_FORMULA: Final = ("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")


class ExportFormat(StrEnum):
    """In which form the log is exported."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """The type of its contents."""
        return _MEDIA_TYPES[self]

    def heading(self) -> bytes:
        """Return what stands before all entries."""
        return _csv([COLUMNS]) if self is ExportFormat.CSV else b""

    def written(self, entries: Iterable[AuditEntry]) -> bytes:
        """Return these entries, each a record."""
        objects = [as_object(each) for each in entries]
        if self is ExportFormat.CSV:
            return _csv(_cells(each) for each in objects)
        return "".join(f"{json.dumps(each)}\n" for each in objects).encode()


_MEDIA_TYPES: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.CSV: "text/csv",
    ExportFormat.JSONL: "application/x-ndjson",
}


def as_object(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as the API and the export have it."""
    actor, target = entry.acting.actor, entry.target
    return {
        "id": entry.id,
        "object": "audit_entry",
        "created": entry.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "account": entry.account,
        "action": str(entry.action),
        "summary": sentence(entry),
        "actor": {
            "kind": actor.kind.value,
            "name": actor.name or None,
            "api_key": actor.api_key,
            "session": actor.session,
        },
        "target": {"kind": target.kind.value, "id": target.id or None, "name": target.name or None} if target else None,
        "changes": {name: {"before": each.before, "after": each.after} for name, each in entry.changes.items()},
        "request_id": entry.acting.request_id,
        "address": entry.acting.address,
        "user_agent": entry.acting.user_agent,
    }


def _cells(entry: Mapping[str, Any]) -> list[str]:
    flat = {
        **{name: value for name, value in entry.items() if not isinstance(value, dict)},
        **{f"actor_{name}": value for name, value in entry["actor"].items()},
        **{f"target_{name}": value for name, value in (entry["target"] or {}).items()},
        "changes": json.dumps(entry["changes"], ensure_ascii=False) if entry["changes"] else "",
    }
    return [_harmless(flat.get(name) or "") for name in COLUMNS]


def _harmless(text: str) -> str:
    """Return a cell that is text to a spreadsheet, too: an apostrophe stands before what might be a formula."""
    # some of them look behind white space
    return f"'{text}" if text.lstrip(" ").startswith((*_FORMULA, *_MORE_FORMULA)) else text


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    written = StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()
