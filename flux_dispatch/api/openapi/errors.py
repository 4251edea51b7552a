"""Every error that the API answers, as its description shows it: its statuses, its kind, and an example."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code: what it means in a few words, the statuses it comes with, and an example of message and param."""

    summary: str
    statuses: tuple[int, ...]
    message: str
    param: str | None = None
    kind: str = "invalid_request_error"


_INVALID = (422,)
_CONFLICT = (409,)

ERROR_CODES: Final[Mapping[str, ErrorCode]] = {
    "invalid_api_key": ErrorCode(
        "No key that works came.",
        (401,),
        "No valid API key. Send the header Authorization: Bearer sk_live_…, with a key made by `flux keys create`.",
        kind="authentication_error",
    ),
    "missing_scope": ErrorCode(
        "The key may not do this.", (403,), "This API key lacks the scope events:write.", kind="permission_error"
    ),
    "platform_key_needed": ErrorCode(
        "This takes a platform key.",
        (403,),
        "This takes a platform key, made by `flux keys create --platform`; this key belongs to an account.",
        kind="permission_error",
    ),
    "beyond_own_key": ErrorCode(
        "A key makes none that may do more than itself.",
        (403,),
        "This key may ask for 100 events a second, so the keys that it makes may ask for no more.",
        kind="permission_error",
    ),
    "account_missing": ErrorCode(
        "A platform key must name an account.",
        _INVALID,
        "A platform key acts for an account: name it in the header Flux-Account.",
        "Flux-Account",
    ),
    "not_found": ErrorCode(
        "There is no such thing.",
        (404,),
        "There is no wh_019bc0d6f4c57b3e9f21c4d8e6a70002.",
        kind="not_found_error",
    ),
    "method_not_allowed": ErrorCode(
        "The address takes other methods.", (405,), "This address does not take that method."
    ),
    "not_json": ErrorCode(
        "The body is not said to be JSON.",
        (415,),
        "Send the body as JSON, with the header Content-Type: application/json.",
    ),
    "invalid_json": ErrorCode(
        "The body is not JSON that can be kept.", (400,), "The body is not JSON: it ends too early."
    ),
    "body_too_large": ErrorCode("The body is too large.", (413,), "The request body is larger than allowed."),
    "body_too_slow": ErrorCode(
        "The body did not arrive in time.", (408,), "The body did not arrive within 10 seconds."
    ),
    "bad_request": ErrorCode(
        "The request is not good HTTP.", (400, 417), "The request is not good HTTP/1.1: it cannot be understood."
    ),
    "missing_field": ErrorCode("A field is missing.", _INVALID, "url is missing.", "url"),
    "unknown_field": ErrorCode("A field is not known.", _INVALID, "urls is not a field of this request.", "urls"),
    "wrong_type": ErrorCode(
        "A field has another JSON type.", (400,), "url has the wrong type: Input should be a valid string.", "url"
    ),
    "invalid_value": ErrorCode(
        "A value cannot be used.", _INVALID, "description is text of 0 to 500 characters.", "description"
    ),
    "invalid_parameter": ErrorCode(
        "A query parameter cannot be used.", (400,), "limit is a number from 1 to 100.", "limit"
    ),
    "query_too_slow": ErrorCode(
        "Too much had to be read.",
        (400,),
        "This list could not be put together within two seconds. Narrow it with created_after and created_before.",
    ),
    "too_many_reads": ErrorCode(
        "The account reads too much at once.",
        (429,),
        "This account has four reads in flight and others waiting. Wait as long as Retry-After says.",
        kind="rate_limit_error",
    ),
    "too_many_tests": ErrorCode(
        "Other tests are under way.",
        (429,),
        "Other tests of alert channels are under way. Try again in a few seconds.",
        kind="rate_limit_error",
    ),
    "rate_limited": ErrorCode(
        "The key asks for more than it may.",
        (429,),
        "This API key may ask for 100 events a second. Wait as long as Retry-After says.",
        kind="rate_limit_error",
    ),
    "invalid_event_type": ErrorCode(
        "It is no event type.",
        _INVALID,
        "An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, of at most 128 "
        "characters.",
        "type",
    ),
    "invalid_url": ErrorCode("It is no URL that can be used.", _INVALID, "The URL has no host.", "url"),
    "https_required": ErrorCode("The URL must be https.", _INVALID, "The URL must start with https://.", "url"),
    "blocked_address": ErrorCode("The URL's host is not public.", _INVALID, "10.0.0.1 is not a public address.", "url"),
    "blocked_port": ErrorCode("The URL's port is not for HTTP.", _INVALID, "Port 6379 is not for webhooks.", "url"),
    "too_many_webhooks": ErrorCode(
        "The account has as many webhooks as it may.", _CONFLICT, "This account has 500 webhooks and may not have more."
    ),
    "too_many_alert_channels": ErrorCode(
        "The account has as many alert channels as it may.",
        _CONFLICT,
        "This account has 20 alert channels and may not have more.",
    ),
    "too_many_secrets": ErrorCode(
        "Too many secrets sign at once.",
        _CONFLICT,
        "10 secrets sign for this webhook already. Wait until one expires, or end all older ones with expires_in 0.",
    ),
    "external_id_taken": ErrorCode(
        "Another account has this external id.",
        _CONFLICT,
        "Another account has this external_id. Give it another one first, or choose another here.",
        "external_id",
    ),
    "invalid_schema": ErrorCode(
        "The schema cannot be used.", _INVALID, "The schema is no JSON Schema of draft 2020-12.", "schema"
    ),
    "event_type_exists": ErrorCode(
        "There is one of this name.", _CONFLICT, "There is an event type invoice.paid. Change it with PATCH.", "name"
    ),
    "too_many_event_types": ErrorCode(
        "The account has as many event types as it may.",
        _CONFLICT,
        "This account has 1000 event types of its own and may not have more.",
    ),
    "schema_mismatch": ErrorCode(
        "The data does not meet the type's schema.",
        _INVALID,
        "data.cents does not meet the schema of invoice.paid: type says integer.",
        "data.cents",
    ),
    "schema_too_costly": ErrorCode(
        "Checking the data would take too long.",
        _INVALID,
        "Whether the data meets the schema of invoice.paid takes more than a second to know.",
        "data",
    ),
    "invalid_idempotency_key": ErrorCode(
        "It is no idempotency key.",
        _INVALID,
        "Idempotency-Key is 1 to 255 printable ASCII characters.",
        "Idempotency-Key",
    ),
    "idempotency_key_reused": ErrorCode(
        "The key came before with something else.",
        _CONFLICT,
        "This Idempotency-Key came before with another type or other data. Use a new key for a new event.",
        kind="idempotency_error",
    ),
    "delivery_in_flight": ErrorCode(
        "The delivery is being attempted.", _CONFLICT, "The delivery is being attempted. Look again in a few seconds."
    ),
    "already_delivered": ErrorCode(
        "The delivery was delivered.", _CONFLICT, "The delivery was delivered. Resend its event instead."
    ),
    "webhook_not_enabled": ErrorCode(
        "The webhook is disabled or deleted.", _CONFLICT, "The webhook is disabled. Enable it first."
    ),
    "unmatched": ErrorCode(
        "No webhook wants the event.", _CONFLICT, "No enabled webhook of this account wants order.completed."
    ),
    "event_in_flight": ErrorCode(
        "The event is still on its way.", _CONFLICT, "The event is still on its way. Send it again in a few seconds."
    ),
    "is_test": ErrorCode("It was a test.", _CONFLICT, "This was a test of a webhook, which has one attempt."),
    "recovery_open": ErrorCode(
        "The webhook has a recovery that is not over.",
        _CONFLICT,
        "The recovery rec_019bc0d6f4c57b3e9f21c4d8e6a70008 of this webhook is not over.",
    ),
    "recovery_completed": ErrorCode(
        "The recovery is over.", _CONFLICT, "The recovery came to its end before it was canceled."
    ),
    "webhook_of_listen_session": ErrorCode(
        "The webhook is a listen session's.",
        _CONFLICT,
        "wh_019bc0d6f4c57b3e9f21c4d8e6a70002 belongs to a listen session: it cannot be changed, and ends with the "
        "session.",
    ),
    "too_many_listen_sessions": ErrorCode(
        "The account has as many listen sessions as it may.",
        _CONFLICT,
        "This account has 20 listen sessions and may not have more at a time.",
    ),
    "listen_session_ended": ErrorCode(
        "The listen session is over.",
        (410,),
        "This listen session has ended, and its URL with it. Run flux listen again for a new one.",
    ),
    "listen_session_in_use": ErrorCode(
        "Another command is connected to the listen session.",
        _CONFLICT,
        "Another command is connected to this listen session.",
    ),
    "upgrade_required": ErrorCode(
        "The address is a WebSocket's.",
        (426,),
        "This is where flux listen connects: by a WebSocket, and by nothing else.",
    ),
    "local_server_failed": ErrorCode(
        "The local server behind the URL did not answer.",
        (502,),
        "The local server behind this URL could not be asked (connection_refused).",
        kind="api_error",
    ),
    "listener_not_connected": ErrorCode(
        "No command is connected to the listen session.",
        (503,),
        "Nobody is listening at the moment: the command that this URL leads to is not connected.",
        kind="api_error",
    ),
    "local_server_timeout": ErrorCode(
        "The local server behind the URL did not answer in time.",
        (504,),
        "The local server behind this URL did not answer in time.",
        kind="api_error",
    ),
    "unavailable": ErrorCode(
        "The database is unavailable for the moment.",
        (503,),
        "The database is unavailable for the moment. Send the same request again.",
        kind="api_error",
    ),
    "cannot_unseal": ErrorCode(
        "The secret does not open.",
        (500,),
        "The secret of this webhook does not open with the encryption keys that there are.",
        kind="api_error",
    ),
    "internal_error": ErrorCode(
        "A fault of ours.",
        (500,),
        "Something broke on our side; it is logged as req_4f1c2a9be07d5b3c8e6f1a20.",
        kind="api_error",
    ),
}
"""By their codes; docs/errors.md explains the same ones at length."""
