"""Settings: which endpoints may be reached, and the keys under which secrets are sealed."""

from base64 import b64decode

from pydantic import BaseModel, Field, field_validator

from config.settings.errors import SettingsError
from config.settings.values import Networks, network, split

_KEY_BYTES = 32
_MAKE_ONE = "`flux keys new-encryption-key` makes one"


class SecuritySettings(BaseModel):
    """What customers may aim at, and what keeps their secrets."""

    encryption_keys: tuple[bytes, ...] = Field(
        (),
        description="Keys that seal secrets in the database: base64 of 32 bytes each, the newest first. "
        "`flux api` and `flux worker` need one.",
        repr=False,
    )
    allow_networks: Networks = Field(
        (), description="CIDRs, comma-separated, that may be reached though they are private."
    )
    deny_networks: Networks = Field((), description="CIDRs that may not be reached though they are public.")
    require_https: bool = Field(default=True, description="Refuse webhooks whose URL is http://.")
    audit_retention_days: int = Field(
        365, ge=1, le=36_500, description="How many days entries of the audit log are kept; workers delete older ones."
    )

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _decode_keys(cls, value: object) -> object:
        return tuple(_decoded(each) for each in split(value)) if isinstance(value, str) else value

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, value: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if len(set(value)) < len(value):
            message = "a key stands in it twice"
            raise ValueError(message)
        return value

    @field_validator("allow_networks", "deny_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(network(each) for each in split(value)) if isinstance(value, str) else value

    def need_encryption_keys(self) -> tuple[bytes, ...]:
        """Return the keys, the newest first.

        Raises:
            SettingsError: none is set.
        """
        if not self.encryption_keys:
            message = (
                f"FLUX_ENCRYPTION_KEYS is not set: secrets are stored sealed under a key of yours. {_MAKE_ONE}; give "
                "the same to every part and keep it safe, or run `flux up`, which makes its own."
            )
            raise SettingsError(message)
        return self.encryption_keys


def _decoded(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        # never the text itself: it may be most of a key
        message = f"each key is the base64 of {_KEY_BYTES} random bytes, and commas stand between them; {_MAKE_ONE}"
        raise ValueError(message)
    return key
