"""Settings: what the commands need that call an API, wherever it runs."""

from pydantic import BaseModel, Field


class ClientSettings(BaseModel):
    """Client commands."""

    api_url: str | None = Field(None, description="Client commands: where the API is.")
    api_key: str | None = Field(None, description="Client commands: the API key to use.", repr=False)
