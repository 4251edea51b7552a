"""Settings: who is told of failures, how often, and when a webhook that fails is disabled."""

import re
from typing import Final, Literal

from pydantic import BaseModel, Field, field_validator

from config.settings.values import split

AlertKindName = Literal[
    "delivery_failed", "webhook_failing", "webhook_disabled", "webhook_recovered", "platform_trouble", "platform_well"
]
ALL_KINDS: Final[tuple[AlertKindName, ...]] = (
    "delivery_failed",
    "webhook_failing",
    "webhook_disabled",
    "webhook_recovered",
    "platform_trouble",
    "platform_well",
)

_BETWEEN_URLS: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9]*://)")
_MAX_URLS: Final = 20
_WEEK: Final = 604_800


class AlertSettings(BaseModel):
    """What people are told, and when."""

    alert_urls: tuple[str, ...] = Field(
        (),
        max_length=_MAX_URLS,
        description="Where operators are told of what fails, of every account: Apprise URLs, with spaces or commas "
        "between them. Give the same to `flux api` and `flux worker`.",
        repr=False,
    )
    alert_kinds: tuple[AlertKindName, ...] = Field(
        ALL_KINDS, min_length=1, description="What operators are told of, comma-separated; all unless it is set."
    )
    alert_gather_seconds: float = Field(
        10, ge=0, le=600, description="How long the first message about something waits for more of the same."
    )
    alert_windows: tuple[float, ...] = Field(
        (300, 1800, 7200, 21_600),
        min_length=1,
        max_length=10,
        description="Seconds from each message about a webhook to the next; the last value holds for all that follow.",
    )
    alert_spacing_seconds: float = Field(
        180, ge=0, le=86_400, description="How long after a message of whatever kind a channel gets the next."
    )
    alert_failing_seconds: float = Field(
        600, ge=1, le=_WEEK, description="For how long every attempt to a webhook must fail before people are told."
    )
    alert_late_seconds: float = Field(
        300, ge=10, le=_WEEK, description="Operators are told when a delivery has been due for so long."
    )
    alert_backlog: int = Field(
        50_000, ge=1, le=100_000, description="Operators are told when more deliveries than this are open."
    )
    alert_channels_per_account: int = Field(
        20, ge=1, le=1000, description="How many alert channels an account may have."
    )
    disable_after_days: float = Field(
        5, ge=0, le=365, description="A webhook is disabled when every attempt has failed for so long; 0 is never."
    )
    disable_on_gone: bool = Field(default=True, description="A webhook that answers 410 is disabled.")

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(each.strip(" ,") for each in _BETWEEN_URLS.split(value.strip(" ,\n\t")) if each.strip(" ,"))

    @field_validator("alert_urls")
    @classmethod
    def _check_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            message = "a URL stands in it twice"
            raise ValueError(message)
        for each in value:
            if "://" not in each or any(character.isspace() for character in each):
                # never the text itself: it may be a password
                message = "each is an Apprise URL, like mailtos://user:password@smtp.example.com?to=ops@example.com"
                raise ValueError(message)
        return value

    @field_validator("alert_kinds", "alert_windows", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split(value) if isinstance(value, str) else value

    @field_validator("alert_windows")
    @classmethod
    def _check_windows(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 1 <= each <= _WEEK for each in value):
            message = "each window is a number of seconds from 1 to 604800 (a week)"
            raise ValueError(message)
        return value
