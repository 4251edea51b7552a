"""What people are told of API keys; the keys themselves are told by nobody but who made them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.tables import Column, Kind, show_rows
from flux_dispatch.cli.output.terminal import is_terminal, note

EMPTY: Final = "There is no key yet. Make one:\n  flux keys create"


def say_keys(keys: Sequence[dict[str, Any]]) -> None:
    """Print keys, as the API tells them."""
    if shared_options().as_json:
        for each in keys:
            say_json_line(each)
    elif keys or not is_terminal():
        show_rows(COLUMNS, keys)
    else:
        note(EMPTY)


def _state(key: dict[str, Any]) -> str:
    if key.get("revoked_at"):
        return "revoked"
    ends = key.get("expires_at")
    return "over" if ends and datetime.fromisoformat(ends) <= datetime.now(UTC) else "works"


def _instant(name: str) -> Any:  # noqa: ANN401 - what a column takes
    def read(key: dict[str, Any]) -> datetime | None:
        return datetime.fromisoformat(key[name]) if key.get(name) else None

    return read


COLUMNS: Final = (
    Column("key", lambda each: each["id"], Kind.ID),
    Column("ends in", lambda each: f"…{each['last4']}"),
    Column("account", lambda each: each["account"] or "platform", Kind.ID),
    Column("scopes", lambda each: ",".join(each["scopes"])),
    Column("state", _state, Kind.STATUS),
    Column("name", lambda each: each["name"], may_go=True),
    Column("last used", _instant("last_used_at"), Kind.TIME, may_go=True),
    Column("expires", _instant("expires_at"), Kind.TIME, may_go=True),
)
