"""Checks what an alert channel shall be, in the words in which the API would refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flux_webhooks.checks import invalid, text, text_of, texts
from flux_webhooks.given import given, named

ALERT_KINDS: Final = ("delivery_failed", "webhook_failing", "webhook_disabled", "webhook_recovered")
_MOST_IN_A_NAME: Final = 100


def channel_body(fields: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of a channel that are not None, checked; which URLs there are, the server knows.

    Raises:
        InvalidRequestError: one is not what it must be; `param` names it.
    """
    return named(
        url=given(text, fields.get("url"), "url"),
        name=given(text_of, fields.get("name"), "name", most=_MOST_IN_A_NAME, least=0),
        kinds=given(_kinds, fields.get("kinds")),
        status=given(_status, fields.get("status")),
    )


def _kinds(values: object) -> list[str]:
    checked, names = texts(values, "kinds"), ", ".join(ALERT_KINDS)
    if not checked:
        raise invalid(f"Name at least one kind of alert: {names}.", "kinds")
    for index, kind in enumerate(checked):
        if kind not in ALERT_KINDS:
            raise invalid(f"{kind[:60]!r} is no kind of alert: they are {names}.", f"kinds[{index}]")
    return checked


def _status(value: object) -> str:
    checked = text(value, "status")
    if checked not in {"enabled", "disabled"}:
        raise invalid(f"{checked[:60]!r} is not a status: give enabled or disabled.", "status")
    return checked
