"""An account: a customer of the platform, by our name and by the platform's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.metadata import validate_metadata
from flux_dispatch.domain.text import is_storable, validate_text

EXTERNAL: Final = "ext:"
"""Stands before an external id where an account is named: in paths, and in the header Flux-Account."""

MAX_NAME_LENGTH: Final = 200
MAX_EXTERNAL_ID_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account shall be; every field has been checked."""

    name: str
    external_id: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is stored; `external_id` is what the platform calls it."""

    id: AccountId
    name: str
    external_id: str | None
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """What one call erased of an account that was deleted: how many rows, and whether nothing is left."""

    account: AccountId
    rows: int
    is_over: bool


def validate_new_account(*, name: str, external_id: str | None, metadata: Mapping[str, str]) -> NewAccount:
    """Return what an account shall be.

    Raises:
        InvalidRequest: a value is not what it must be; `param` names it.
    """
    checked = validate_account({"name": name, "external_id": external_id, "metadata": metadata})
    return NewAccount(**checked)


def validate_account(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what shall be changed of an account: any of name, external_id (None: none) and metadata.

    Raises:
        InvalidRequest: a value is not what it must be; `param` names it.
    """
    if "name" in changes:
        validate_text(changes["name"], "name", most=MAX_NAME_LENGTH)
    if changes.get("external_id") is not None:
        _check_external_id(changes["external_id"])
    if "metadata" in changes:
        validate_metadata(changes["metadata"])
    return dict(changes)


def is_external_id(text: str) -> bool:
    """Say whether the text can be an external id: it travels in URLs and headers, which cut white space off."""
    return 0 < len(text) <= MAX_EXTERNAL_ID_LENGTH and text.isprintable() and text == text.strip() and is_storable(text)


def _check_external_id(text: str) -> None:
    if not is_external_id(text):
        message = f"external_id is 1 to {MAX_EXTERNAL_ID_LENGTH} printable characters, without a space at its ends."
        raise InvalidRequest(message, param="external_id")
