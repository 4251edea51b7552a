"""Settings: the API and Flower."""

from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator


class ApiSettings(BaseModel):
    """What is served over HTTP, and how much of it."""

    api_host: str = Field("127.0.0.1", description="The address that the API listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="The port of the API; 0 takes a free one.")
    public_url: str | None = Field(
        None,
        description="Where customers reach the API, as in https://flux.example.com; where it is called, unless told.",
    )
    flower_host: str = Field("127.0.0.1", description="The address that Flower listens on.")
    flower_port: int = Field(5555, ge=0, le=65535, description="The port of Flower; 0 takes a free one.")
    flower_basic_auth: str | None = Field(
        None, description="user:password for Flower; `flux flower` needs it.", repr=False
    )
    webhooks_per_account: int = Field(
        500, ge=1, le=100_000, description="How many webhooks an account may have; each event may go to all of them."
    )
    max_body_bytes: int = Field(262_144, ge=1024, le=10_485_760, description="The largest request body the API takes.")

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in value:
            message = "it is written like https://flux.example.com"
            raise ValueError(message)
        return value.rstrip("/")
