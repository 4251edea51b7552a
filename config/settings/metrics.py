"""Settings: where metrics are served, and to whom."""

from typing import Final

from pydantic import BaseModel, Field, field_validator

_MIN_TOKEN_LENGTH: Final = 16


class MetricsSettings(BaseModel):
    """Metrics for Prometheus."""

    metrics_host: str = Field("127.0.0.1", description="The address that the port of the metrics is on.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="The port at which every API and worker process serves `/metrics`; where it is taken, the next "
        "free one of twenty; 0 takes any. Without it there is none.",
    )
    metrics_token: str | None = Field(
        None,
        description="What a scraper must send (`Authorization: Bearer …`); with it the API serves `/metrics` on its "
        f"own port, too. At least {_MIN_TOKEN_LENGTH} characters.",
        repr=False,
    )

    @field_validator("metrics_port", "metrics_token", mode="before")
    @classmethod
    def _empty_port_and_token_are_none(cls, value: object) -> object:
        # that is how compose files leave a setting out
        return None if value == "" else value

    @field_validator("metrics_token")
    @classmethod
    def _check_token(cls, value: str | None) -> str | None:
        if value is not None and (
            len(value) < _MIN_TOKEN_LENGTH or not (value.isascii() and value.isprintable()) or " " in value
        ):
            message = (
                f"it has at least {_MIN_TOKEN_LENGTH} characters, printable ASCII without spaces; "
                "`openssl rand -hex 24` makes one"
            )
            raise ValueError(message)
        return value
