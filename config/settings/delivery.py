"""Settings: how deliveries are attempted."""

from pydantic import BaseModel, Field, field_validator

from config.settings.values import split


class DeliverySettings(BaseModel):
    """Attempts, and what comes between them."""

    retry_delays: tuple[float, ...] = Field(
        (0, 60, 300, 1800, 7200),
        min_length=1,
        max_length=20,
        description="Seconds before each attempt, the first one's first; as many attempts as there are values.",
    )
    delivery_timeout: float = Field(
        15, gt=0, le=60, description="Seconds that one attempt may take, from connecting to the last byte read."
    )
    endpoint_concurrency: int = Field(
        32, ge=1, le=1000, description="How many POSTs one worker process has in flight to one webhook."
    )

    @field_validator("retry_delays", mode="before")
    @classmethod
    def _split_delays(cls, value: object) -> object:
        return split(value) if isinstance(value, str) else value

    @field_validator("retry_delays")
    @classmethod
    def _check_delays(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= delay <= 604_800 for delay in value):  # noqa: PLR2004 - the bound is explained in the message
            message = "each delay is a number of seconds from 0 to 604800 (a week)"
            raise ValueError(message)
        return value
