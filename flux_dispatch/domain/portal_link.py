"""A portal link: signs a customer in to their own settings, or an operator in, once, within its time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest

MIN_SECONDS: Final = 60
MAX_SECONDS: Final = 86_400
DEFAULT_SECONDS: Final = 900

SIGN_IN_PATH: Final = "/dashboard/sign-in"
"""Where the dashboard takes links: each ends with a slash and its token."""


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link as its maker gets it; only a digest of the token is kept."""

    id: str
    token: str
    expires_at: datetime


def validate_lifetime(seconds: int) -> timedelta:
    """Return for how long a link may be used.

    Raises:
        InvalidRequest: it is shorter than a minute or longer than a day.
    """
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        message = f"expires_in is a number of seconds from {MIN_SECONDS} to {MAX_SECONDS}."
        raise InvalidRequest(message, param="expires_in")
    return timedelta(seconds=seconds)
