"""Settings: which endpoints may be reached."""

from pydantic import BaseModel, Field, field_validator

from config.settings.values import Networks, network, split


class SecuritySettings(BaseModel):
    """What customers may aim at."""

    allow_networks: Networks = Field(
        (), description="CIDRs, comma-separated, that may be reached though they are private."
    )
    deny_networks: Networks = Field((), description="CIDRs that may not be reached though they are public.")
    require_https: bool = Field(default=True, description="Refuse webhooks whose URL is http://.")

    @field_validator("allow_networks", "deny_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(network(each) for each in split(value)) if isinstance(value, str) else value
