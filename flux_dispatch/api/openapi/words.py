"""The words of the OpenAPI document that belong to no single route."""

from collections.abc import Mapping
from typing import Any, Final

from flux_dispatch.domain.ids import Prefix, example_id

INTRODUCTION: Final = """\
Publish events; each one is delivered to the webhooks that want it, signed, and retried by a published table. JSON over
HTTP: every answer has an `X-Request-Id`, which to name when you ask for help. Times are RFC 3339 in UTC.

## Keys

Every request carries `Authorization: Bearer sk_live_…`; `flux keys create` makes a key. It does what its scopes say:
each operation below names the one that it needs, and `admin` is all of them.

A key belongs to one account. A platform key acts for any account: the header `Flux-Account` names it by its id, or by
`ext:` and the platform's own id of the customer. What belongs to another account answers 404, like what does not exist.

## Errors

Every error has one form. Decide by its `code`, or by the status; the `message` is for people, says how to mend it, and
may change. What was refused with a 4xx was not stored. Send the same request again after a 408, a 429, a 500 or a 503,
as `Retry-After` says, and when no answer came at all.

## Idempotency

A publication with an `Idempotency-Key` is one event, however often it is sent: the answer is the first event, with
`Idempotent-Replayed: true`. The same key with another type or other data is a 409. The SDKs make a key for each event
by themselves.

## Lists

Newest first, in pages of 25 things, or of as many as `limit` says, up to 100. While `has_more` is true, `next_cursor`
continues the list: send it as `cursor`, with the same filters.

## Rate limits

A key may have been made with a limit of events or of requests a second. Every answer to it says how its tightest limit
stands: `RateLimit-Limit` is how many a second, `RateLimit-Remaining` how many are left, `RateLimit-Reset` in how many
seconds all are. Beyond it the answer is a 429 with `Retry-After`, and nothing is stored.
"""

RESOURCES: Final[Mapping[str, str]] = {
    "webhooks": "The endpoints of customers, and the event types that each of them wants.",
    "events": "What happened. An event goes to every enabled webhook that wants its type.",
    "deliveries": "One event owed to one webhook, with every attempt.",
    "event_types": "The catalogue: what event types mean, and the schema that published data must meet.",
    "listen_sessions": "Temporary public URLs, for whoever receives on their own machine with `flux listen`.",
    "recoveries": "What a webhook missed is delivered after all, page by page.",
    "alerts": "Deliveries that were given up, for somebody to see.",
    "alert_channels": "Where people are told of failures: e-mail, Slack, PagerDuty and others.",
    "accounts": "The customers of a platform. These calls take a platform key.",
    "api_keys": "Keys, what they may do, and how much.",
    "portal_links": "Links that sign customers in to their own settings.",
    "audit_log": "Who did what, and from where: written with what was done, and never changed.",
}
"""The resources in the order in which they are read, each with what it is."""

ACCOUNT_PARAMETER: Final[dict[str, Any]] = {
    "name": "Flux-Account",
    "in": "header",
    "required": False,
    "description": "The account that a platform key acts for: its id, or `ext:` and its external id.",
    "schema": {"type": "string", "examples": [example_id(Prefix.ACCOUNT)]},
}

IDEMPOTENCY_PARAMETER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the event one, however often it is sent: 1 to 255 printable ASCII characters.",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$", "examples": ["order-1001"]},
}
