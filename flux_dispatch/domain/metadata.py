"""Metadata: what a caller wants kept beside a thing, and nobody else reads."""

from collections.abc import Mapping
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.text import is_storable, validate_text

MAX_METADATA_KEYS: Final = 50
MAX_METADATA_KEY_LENGTH: Final = 40
MAX_METADATA_VALUE_LENGTH: Final = 500


def validate_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata.

    Raises:
        InvalidRequest: there is too much of it, or what cannot be kept.
    """
    if len(metadata) > MAX_METADATA_KEYS:
        raise InvalidRequest(f"metadata has at most {MAX_METADATA_KEYS} keys.", param="metadata")
    for key, value in metadata.items():
        if not 0 < len(key) <= MAX_METADATA_KEY_LENGTH or not is_storable(key):
            message = f"A key of metadata is text of 1 to {MAX_METADATA_KEY_LENGTH} characters."
            raise InvalidRequest(message, param="metadata")
        validate_text(value, f"metadata.{key}", most=MAX_METADATA_VALUE_LENGTH, least=0)
    return dict(metadata)
