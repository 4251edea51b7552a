"""Text that people give a thing: what the database can keep, and how long it may be."""

from flux_dispatch.domain.errors import InvalidRequest


def validate_text(text: str, param: str, *, most: int, least: int = 1) -> str:
    """Return the text.

    Raises:
        InvalidRequest: it has fewer than `least` or more than `most` characters, or holds U+0000 or half a surrogate
            pair, which the database refuses.
    """
    if not least <= len(text) <= most or not is_storable(text):
        raise InvalidRequest(f"{param} is text of {least} to {most} characters.", param=param)
    return text


def is_storable(text: str) -> bool:
    """Say whether PostgreSQL can keep this text: no U+0000, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
