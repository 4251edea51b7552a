"""Settings: what is logged, and how."""

from typing import Literal

from pydantic import BaseModel, Field


class LogSettings(BaseModel):
    """Logs."""

    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level logged.")
