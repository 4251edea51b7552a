"""Checks what a webhook shall be, in the words in which the API would refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flux_webhooks.checks import invalid, metadata, patterns, text, text_map, text_of, url, whole
from flux_webhooks.given import given, named

_MOST_HEADERS: Final = 20
_MOST_IN_A_DESCRIPTION: Final = 500
_MOST_IN_A_REASON: Final = 200
_LONGEST_OVERLAP_SECONDS: Final = 604_800


def webhook_body(fields: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of a webhook that are not None, checked.

    Raises:
        InvalidRequestError: one is not what it must be; `param` names it.
    """
    status, reason = fields.get("status"), fields.get("disabled_reason")
    return named(
        url=given(url, fields.get("url")),
        events=given(patterns, fields.get("events")),
        description=given(text_of, fields.get("description"), "description", most=_MOST_IN_A_DESCRIPTION, least=0),
        headers=given(headers, fields.get("headers")),
        metadata=given(metadata, fields.get("metadata")),
        status=given(_status, status),
        disabled_reason=None if reason is None else _reason(reason, status),
    )


def headers(values: object) -> dict[str, str]:
    """Return the headers that each POST shall carry; which names are taken, the server knows."""
    checked = text_map(values, "headers")
    if len(checked) > _MOST_HEADERS:
        raise invalid(f"At most {_MOST_HEADERS} headers.", "headers")
    return checked


def overlap(seconds: object) -> int:
    """Return for how many seconds the old secret goes on signing."""
    checked = whole(seconds, "expires_in")
    if not 0 <= checked <= _LONGEST_OVERLAP_SECONDS:
        message = (
            f"expires_in is the seconds for which the old secret goes on signing, "
            f"from 0 to {_LONGEST_OVERLAP_SECONDS} (seven days)."
        )
        raise invalid(message, "expires_in")
    return checked


def _status(value: object) -> str:
    checked = text(value, "status")
    if checked not in {"enabled", "disabled"}:
        raise invalid(f"{checked[:60]!r} is not a status: give enabled or disabled.", "status")
    return checked


def _reason(value: object, status: object) -> str:
    checked = text(value, "disabled_reason")
    if status != "disabled":
        raise invalid("A reason for disabling needs the status disabled beside it.", "disabled_reason")
    return text_of(checked, "disabled_reason", most=_MOST_IN_A_REASON)
