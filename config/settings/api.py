"""Settings: the API."""

from pydantic import BaseModel, Field, field_validator

from config.settings.values import Networks, network, split, whole_url


class ApiSettings(BaseModel):
    """What is served over HTTP, and how much of it."""

    api_host: str = Field("127.0.0.1", description="The address that the API listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="The port of the API; 0 takes a free one.")
    public_url: str | None = Field(
        None,
        description="Where customers reach the API, as in https://flux.example.com; where it is called, unless told. "
        "No webhook may aim at it.",
    )
    trusted_proxies: Networks = Field(
        (),
        description="CIDRs, comma-separated, of the proxies before the API: what they say in X-Forwarded-For is "
        "believed, so that the audit log has the addresses of clients and not theirs.",
    )
    webhooks_per_account: int = Field(
        500, ge=1, le=100_000, description="How many webhooks an account may have; each event may go to all of them."
    )
    listen_url: str | None = Field(
        None,
        description="Below which URL the temporary URLs of `flux listen` are; FLUX_PUBLIC_URL, unless told. A host of "
        "its own, which leads to the same API, keeps what customers serve there off the dashboard's origin.",
    )
    listen_via_url: str | None = Field(
        None,
        description="Where workers reach the API for what they deliver to `flux listen`, as in http://api:8080; at the "
        "temporary URL itself, unless told.",
    )
    listen_sessions_per_account: int = Field(
        20, ge=0, le=1000, description="How many listen sessions an account may have at a time; 0 allows none."
    )
    listen_timeout: float = Field(
        300, ge=30, le=86_400, description="Seconds after which a listen session ends that no command is connected to."
    )
    max_body_bytes: int = Field(262_144, ge=1024, le=10_485_760, description="The largest request body the API takes.")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        return tuple(network(each) for each in split(value)) if isinstance(value, str) else value

    @field_validator("public_url", "listen_url", "listen_via_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        return whole_url(value, example="https://flux.example.com")
