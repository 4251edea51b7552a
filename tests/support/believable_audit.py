"""Who did what in the believable account, and in one where everything is as long as may be."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flux_dispatch.domain.ids import AccountId, Prefix, new_id, parse_id
from tests.support.store_harness import StoreHarness

_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CUSTOMER: Final = ("customer", "", "203.0.113.24", _BROWSER)
_DEVELOPER: Final = ("api_key", "Terraform sk_live_…q4Zt", "198.51.100.7", "flux-webhooks-python/0.1.0")
_OPERATOR: Final = ("operator", "", "192.0.2.15", _BROWSER)
_ENGINE: Final = ("engine", "", None, None)
_STRANGER: Final = ("nobody", "Reports sk_live_…0dXe", "2001:db8:7::1f", "curl/8.14.1")

Told = tuple[timedelta, tuple[str, str, str | None, str | None], str, tuple[str, str, str] | None, dict[str, Any]]


async def tell_audit_log(
    world: StoreHarness, account: AccountId, webhooks: Sequence[str], now: datetime, extreme: tuple[AccountId, str]
) -> None:
    """Have the log of the account tell of its last days, and that of the extreme one of very much at once."""
    works, fails, gone = (("webhook", each, name) for each, name in zip(webhooks, _NAMES, strict=True))
    for told in _days(works, fails, gone):
        await _tell(world, account, now, told)
    whose, webhook = extreme
    url = f"https://{'n' * 60}.example/{'p' * 2000}"
    long = {"url": [url, f"{url}?"], "events": [["*"], [f"type.n{number}" for number in range(100)]]}
    thing = ("webhook", webhook, "n" * 500)
    person = ("api_key", f"{'N' * 100} sk_live_…q4Zt", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "a" * 200)
    await _tell(world, whose, now, (timedelta(minutes=1), person, "webhook.updated", thing, long))


_NAMES: Final = ("Back office", "Ledger", "https://old-warehouse.harbour-books.example/inbound")


def _days(works: Any, fails: Any, gone: Any) -> list[Told]:
    minutes, hours, days = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    moved = {
        "url": ["https://ledger.harbour-books.example/hooks", "https://ledger.harbour-books.example/hooks/invoices"]
    }
    wants = {"events": [["order.*"], ["order.*", "shipment.*"]], "headers": [[], ["X-Team"]]}
    ended = {"status": ["enabled", "disabled"], "disabled_reason": [None, "gone"]}
    delivery = ("delivery", f"dlv_{'4' * 32}", "")
    return [
        (4 * minutes, _CUSTOMER, "delivery.retried", delivery, {"webhook": [None, fails[1]]}),
        (6 * minutes, _CUSTOMER, "secret.revealed", fails, {}),
        (9 * minutes, _CUSTOMER, "session.signed_in", ("dashboard_session", f"dsess_{'5' * 32}", ""), {}),
        (70 * minutes, _OPERATOR, "portal_link.created", ("portal_link", f"plink_{'6' * 32}", "a portal link"), {}),
        (3 * hours, _ENGINE, "webhook.disabled", gone, ended),
        (5 * hours, _STRANGER, "session.refused", None, {"reason": [None, "revoked_key"], "times": [None, 37]}),
        (26 * hours, _DEVELOPER, "webhook.updated", fails, moved),
        (27 * hours, _DEVELOPER, "webhook.updated", works, wants),
        (2 * days, _DEVELOPER, "event_type.updated", ("event_type", "order.completed", ""), {"schema": [None, "{…}"]}),
        (3 * days, _CUSTOMER, "secret.rotated", works, {"older_sign_until": [None, "2026-01-16T10:30:00+00:00"]}),
        (9 * days, _OPERATOR, "audit_log.exported", None, {"format": [None, "csv"]}),
    ]


async def _tell(world: StoreHarness, account: AccountId, now: datetime, told: Told) -> None:
    ago, (kind, name, address, client), action, target, changes = told
    at = now - ago
    await world.do(
        """INSERT INTO audit_entries (id, account_id, created_at, action, actor_kind, actor_name, target_kind,
               target_id, target_name, changes, request_id, address, user_agent)
           VALUES (:id, CAST(:account AS uuid), :at, :action, :kind, :name, :target_kind, :target_id, :target_name,
               CAST(:changes AS jsonb), :request, :address, :client)""",
        id=UUID(parse_id(Prefix.AUDIT_ENTRY, new_id(Prefix.AUDIT_ENTRY, int(at.timestamp() * 1000)))),
        account=parse_id(Prefix.ACCOUNT, account),
        at=at,
        action=action,
        kind=kind,
        name=name,
        target_kind=target and target[0],
        target_id=target and target[1],
        target_name=target[2] if target else "",
        changes=json.dumps(changes),
        request=None if client is None else "req_4f1c2a9be07d5b3c8e6f1a20",
        address=address,
        client=client,
    )
