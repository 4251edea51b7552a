"""Settings: Flower, who may look at it, and what it keeps."""

import re
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, Field, field_validator

from config.settings.values import split, whole_url

Provider: TypeAlias = Literal["google", "github", "gitlab", "okta"]

_CREDENTIALS: Final = re.compile(r"[!-~]+?:[ -~]*[!-~]", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", re.ASCII)
_EMAIL: Final = re.compile(r"(\*|[^\s,|*@]+)@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


class FlowerSettings(BaseModel):
    """What `flux flower` listens on, whom it lets in, and where it keeps its history."""

    flower_host: str = Field("127.0.0.1", description="The address that Flower listens on.")
    flower_port: int = Field(5555, ge=0, le=65535, description="The port of Flower; 0 takes a free one.")
    flower_url_prefix: str | None = Field(
        None, description="The path that Flower's pages stand below, as in flower, where it shares a host with others."
    )
    flower_basic_auth: str | None = Field(
        None,
        description="user:password for Flower, several separated by commas; `flux flower` needs it, or OAuth.",
        repr=False,
    )
    flower_oauth_provider: Provider | None = Field(
        None, description="Who signs people in to Flower, in the place of passwords."
    )
    flower_oauth_key: str | None = Field(None, description="The client id that the provider gave.")
    flower_oauth_secret: str | None = Field(None, description="The client secret that the provider gave.", repr=False)
    flower_oauth_emails: tuple[str, ...] = Field(
        (), description="Who is let in: addresses, comma-separated, or a whole domain, as in *@example.com."
    )
    flower_oauth_url: str | None = Field(
        None,
        description="The provider's own address: Okta's, as in https://example.okta.com/oauth2/default, or that of a "
        "GitHub or GitLab of your own.",
    )
    flower_db: Path | None = Field(
        None, description="The file in which Flower keeps its history; flower.db in FLUX_HOME, unless told."
    )

    @field_validator(
        "flower_basic_auth",
        "flower_oauth_provider",
        "flower_oauth_key",
        "flower_oauth_secret",
        "flower_oauth_url",
        "flower_db",
        mode="before",
    )
    @classmethod
    def _empty_of_flower_is_none(cls, value: object) -> object:
        # that is how compose files leave a setting out
        return value or None

    @field_validator("flower_basic_auth")
    @classmethod
    def _check_credentials(cls, value: str | None) -> str | None:
        if value is not None and not all(_CREDENTIALS.fullmatch(each) for each in value.split(",")):
            message = "it is user:password in printable ASCII, and several are separated by commas"
            raise ValueError(message)
        return value

    @field_validator("flower_url_prefix")
    @classmethod
    def _check_prefix(cls, value: str | None) -> str | None:
        bare = (value or "").strip("/")
        if bare and _PREFIX.fullmatch(bare) is None:
            message = "it is a path like flower or tools/flower"
            raise ValueError(message)
        return bare or None

    @field_validator("flower_oauth_emails", mode="before")
    @classmethod
    def _split_emails(cls, value: object) -> object:
        return split(value) if isinstance(value, str) else value

    @field_validator("flower_oauth_emails")
    @classmethod
    def _check_emails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_EMAIL.fullmatch(each) for each in value):
            message = "each is an address like ann@example.com, or all of a domain like *@example.com"
            raise ValueError(message)
        if len(value) > 1 and any(each.startswith("*") for each in value):
            message = "a whole domain like *@example.com stands alone"
            raise ValueError(message)
        return value

    @field_validator("flower_oauth_url")
    @classmethod
    def _check_oauth_url(cls, value: str | None) -> str | None:
        return whole_url(value, example="https://example.okta.com/oauth2/default")
