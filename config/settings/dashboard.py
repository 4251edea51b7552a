"""Settings: how the pages of customers look inside a company's own product, and where operators find Flower."""

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from config.settings.values import split

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
_MAX_NAME_LENGTH: Final = 60


class DashboardSettings(BaseModel):
    """What the dashboard shows to whom."""

    portal_name: str = Field(
        "Webhooks",
        min_length=1,
        max_length=_MAX_NAME_LENGTH,
        description="What customers who come by a portal link read in the place of Flux Dispatch.",
    )
    portal_accent: str | None = Field(
        None,
        description="The colour of their links and buttons, as in #3451b2; it is made darker or lighter to be read.",
    )
    portal_frame_origins: tuple[str, ...] = Field(
        (),
        description="Origins, comma-separated, as in https://app.example.com, whose pages may frame theirs. Browsers "
        "sign nobody in there unless this server is reached by HTTPS, too.",
    )
    flower_url: str | None = Field(None, description="Where operators reach Flower; the page Operations links there.")

    @field_validator("portal_accent")
    @classmethod
    def _check_accent(cls, value: str | None) -> str | None:
        if value is not None and _COLOUR.fullmatch(value) is None:
            message = "a colour is written like #3451b2"
            raise ValueError(message)
        return value

    @field_validator("flower_url")
    @classmethod
    def _check_flower_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value is not None and (parts.scheme not in {"http", "https"} or not parts.hostname):
            message = "it is written like https://flower.example.com"
            raise ValueError(message)
        return value

    @field_validator("portal_frame_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return tuple(_origin(each) for each in split(value)) if isinstance(value, str) else value


def _origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        message = f"{text[:60]!r} is no origin: write https://app.example.com, without a path"
        raise ValueError(message)
    return text
