"""Checks what is published past HTTP, by the checks of HTTP, and says what is wrong as one error of its own."""

from __future__ import annotations

from collections.abc import Callable

from flux_webhooks.errors import APIError, InvalidRequestError
from flux_webhooks.event_checks import CheckedEvent, check_account_text, check_event, check_given
from flux_webhooks.event_json import MAX_NESTED

MAX_BYTES = 262_144


class PublicationRefused(InvalidRequestError, ValueError):
    """An event cannot be published as it is; nothing of it was sent or written.

    `code` is what is wrong, as docs/errors.md lists it; `param` where, like `data.items[0].price`, or None when it is
    the publication as a whole; `message` what is wrong and how to mend it.
    """

    def __init__(self, code: str, param: str | None, message: str) -> None:
        super().__init__(message, code=code, status=422, param=param)


def check_publication(  # noqa: PLR0913 - what an event is, and what its way of publishing bounds
    account: object,
    event_type: object,
    data: object,
    key: object,
    *,
    check_account: Callable[[str], str],
    most_nested: int = MAX_NESTED,
    max_bytes: int = MAX_BYTES,
) -> CheckedEvent:
    """Return an event that was checked, with its data written; None is what was not given.

    Args:
        account: whose event it is.
        event_type: its type.
        data: an object.
        key: its idempotency key, if it has one.
        check_account: refuses a name that can be none of an account here.
        most_nested: how many levels deep the values of the data may be.
        max_bytes: how long the text of the data may be.

    Raises:
        PublicationRefused: it is not what it must be.
    """
    fields = {"account": account, "type": event_type, "data": data}
    try:
        check_given({name: value for name, value in fields.items() if value is not None}, fields)
        check_account(check_account_text(account))
        event = check_event(event_type, data, key, most_nested=most_nested)
    except APIError as error:
        # over HTTP the whole body is no JSON then, or one place in it; here data is all that is JSON
        param = "data" if error.code == "invalid_json" else error.param
        raise PublicationRefused(error.code, param, error.message) from None
    if len(event.data) > max_bytes:
        raise PublicationRefused("body_too_large", "data", f"data is larger than allowed: {max_bytes} bytes.")
    return event
