"""The audit log of an account, or of the platform: who did what, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flux_webhooks._sync.pages import Page
from flux_webhooks._sync.resource import Resource
from flux_webhooks.checks import EXPORT_FORMATS, query_choice, query_instant, query_text
from flux_webhooks.given import given
from flux_webhooks.models import AuditEntry


class AuditLog(Resource):
    """The audit log; a key needs the scope `audit_log:read` for it."""

    def list(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> Page[AuditEntry]:
        """List entries; a platform key that acts for no account sees the platform's own log.

        Args:
            action: like `webhook.updated`, or `webhook.*` for all that is done to webhooks.
            actor: a key (`key_…`), a session of the dashboard (`dsess_…`), or a kind like `operator`.
            target: the id of what it was done to, or the name of an event type.
            created_after: only what was done after this time.
            created_before: only what was done before this time.
            limit: how many a page lists, 1 to 100.
            cursor: where the list goes on; the page before has it.
            account: whose log, for a platform key.
        """
        query = _query(action, actor, target, created_after, created_before)
        return self._page(AuditEntry, "audit_log.list", query=query, limit=limit, cursor=cursor, account=account)

    def export(
        self,
        *,
        format: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        account: str | None = None,
    ) -> Iterator[bytes]:
        """Return the pieces of an export, of any length: write each to a file, in this order.

        Args:
            format: `jsonl`, one entry a line (unless given), or `csv`.
            action: as for `list`, as are the others.
            actor: as above.
            target: as above.
            created_after: as above.
            created_before: as above.
            account: as above.
        """
        query = _query(action, actor, target, created_after, created_before)
        query["format"] = None if format is None else query_choice(format, "format", EXPORT_FORMATS)
        return self._connection.stream("audit_log.export", query=query, account=account)


def _query(
    action: str | None,
    actor: str | None,
    target: str | None,
    created_after: datetime | str | None,
    created_before: datetime | str | None,
) -> dict[str, str | None]:
    return {
        "action": given(query_text, action, "action"),
        "actor": given(query_text, actor, "actor"),
        "target": given(query_text, target, "target"),
        "created_after": given(query_instant, created_after, "created_after"),
        "created_before": given(query_instant, created_before, "created_before"),
    }
