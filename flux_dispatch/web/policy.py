"""What a browser may do with a page of ours: load what we serve, and nothing else."""

from collections.abc import Sequence
from typing import Final

_RULES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
)


def page_headers(framed_by: Sequence[str] = ()) -> dict[str, str]:
    """Return the headers of a page that these origins may show inside their own; nobody, unless told."""
    rules = (*_RULES, " ".join(["frame-ancestors", *(framed_by or ["'none'"])]))
    headers = {
        "Content-Security-Policy": "; ".join(rules),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    # the older header can name no origins
    return headers if framed_by else {**headers, "X-Frame-Options": "DENY"}


PAGE_HEADERS: Final = page_headers()
"""The headers of every page that nobody may frame."""
